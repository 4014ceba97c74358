package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
)

// LabelPrefix begins the key of every label of ours. No task may set a label under it.
const LabelPrefix = "mesos-docker-containerizer."

// The keys of our labels. They are a format: containers outlive the daemon that wrote them, so a key keeps its meaning for ever
// and an unknown one is passed over.
const (
	labelInstance  = LabelPrefix + "instance"
	labelName      = LabelPrefix + "name"
	labelFramework = LabelPrefix + "framework"
	labelExecutor  = LabelPrefix + "executor"
	labelTask      = LabelPrefix + "task"
	labelRoute     = LabelPrefix + "route"
	labelSandbox   = LabelPrefix + "sandbox"
	labelStopGrace = LabelPrefix + "stop_grace"
	labelPID       = LabelPrefix + "executor_pid"
	labelStartTime = LabelPrefix + "executor_start_time"
	labelBootID    = LabelPrefix + "boot_id"

	// NoteLabel holds Labels.Note, which is not known before a pull has ended.
	NoteLabel = LabelPrefix + "note"

	// DevicesLabel holds Labels.Devices, which are decided on right before the create.
	DevicesLabel = LabelPrefix + "devices"
)

// Labels say whose container it is. They are written at create, atomically with it, and are all the daemon keeps.
type Labels struct {
	Instance  string // identity of the daemon's run directory; required
	Name      string // the container's own name, so that an image committed from it makes nothing ours; required
	Framework string
	Executor  string
	Task      string
	Route     string        // the way the task came (docs/architecture.md, "Routes"); not interpreted here
	Sandbox   string        // path on the host
	StopGrace time.Duration // between the stop signal and SIGKILL; a label holds it as "1m30s"

	// ExecutorPID and ExecutorStartTime, in clock ticks since boot (field 22 of /proc/PID/stat), and BootID (of
	// /proc/sys/kernel/random/boot_id) name a process for good. A PID of 0 says that the executor was not known.
	ExecutorPID       int
	ExecutorStartTime uint64
	BootID            string

	// Note is what the task's user is to be told when the container runs, mostly empty. It is written all the same: a container
	// has the labels of its image too where it has none of its own.
	Note string

	// Devices are the GPUs that the container holds, as containerizer/gpu writes them. Empty for none, and written all the same.
	Devices string
}

// InstanceLabel is the label, as List and Events take it, of all containers of one instance.
func InstanceLabel(instance string) string { return labelInstance + "=" + instance }

// Map returns the labels as the Engine takes them.
func (l Labels) Map() map[string]string {
	return map[string]string{
		labelInstance:  l.Instance,
		labelName:      l.Name,
		labelFramework: l.Framework,
		labelExecutor:  l.Executor,
		labelTask:      l.Task,
		labelRoute:     l.Route,
		labelSandbox:   l.Sandbox,
		labelStopGrace: l.StopGrace.String(),
		labelPID:       strconv.Itoa(l.ExecutorPID),
		labelStartTime: strconv.FormatUint(l.ExecutorStartTime, 10),
		labelBootID:    l.BootID,
		NoteLabel:      l.Note,
		DevicesLabel:   l.Devices,
	}
}

// Ours reports whether a container of this name is one of the instance's: the labels name the instance and the container itself.
// A leading slash, with which the Engine writes names, does not count.
func (l Labels) Ours(instance, containerName string) bool {
	return instance != "" && l.Instance == instance && l.Name != "" && l.Name == strings.TrimPrefix(containerName, "/")
}

// ParseLabels reads what Map has written, among whatever other labels. Labels that are missing, but for instance and name, have
// their zero value. The error lists every mistake; what could be read is returned with it, so that a container whose labels were
// damaged can still be recognised.
func ParseLabels(labels map[string]string) (Labels, error) {
	l := Labels{
		Instance:  labels[labelInstance],
		Name:      labels[labelName],
		Framework: labels[labelFramework],
		Executor:  labels[labelExecutor],
		Task:      labels[labelTask],
		Route:     labels[labelRoute],
		Sandbox:   labels[labelSandbox],
		BootID:    labels[labelBootID],
		Note:      labels[NoteLabel],
		Devices:   labels[DevicesLabel],
	}
	var mistakes *multierror.Error
	for _, key := range []string{labelInstance, labelName} {
		if labels[key] == "" {
			mistakes = multierror.Append(mistakes, fmt.Errorf("label %s is missing", key))
		}
	}
	typed := func(key, accepted string, parse func(string) (ok bool)) {
		if value, present := labels[key]; present && !parse(value) {
			mistakes = multierror.Append(mistakes, fmt.Errorf("label %s is %q, want %s", key, value, accepted))
		}
	}
	typed(labelStopGrace, "a duration of 0s or more, such as 1m30s", func(value string) bool {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return false
		}
		l.StopGrace = d
		return true
	})
	typed(labelPID, "a process id, or 0", func(value string) bool {
		pid, err := strconv.ParseInt(value, 10, 32)
		if err != nil || pid < 0 {
			return false
		}
		l.ExecutorPID = int(pid)
		return true
	})
	typed(labelStartTime, "clock ticks", func(value string) bool {
		ticks, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return false
		}
		l.ExecutorStartTime = ticks
		return true
	})
	return l, mistakes.ErrorOrNil()
}
