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

	// GroupsLabel holds Labels.Groups, which are known right before the create, too.
	GroupsLabel = LabelPrefix + "groups"
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

	// Groups are the directories of control groups that are to go with the container, with colons between them. Empty for none, and
	// written all the same.
	Groups string
}

// InstanceLabel is the label, as List and Events take it, of all containers of one instance.
func InstanceLabel(instance string) string { return labelInstance + "=" + instance }

// texts are the labels that are texts, by their keys.
func (l *Labels) texts() map[string]*string {
	return map[string]*string{
		labelInstance: &l.Instance, labelName: &l.Name, labelFramework: &l.Framework, labelExecutor: &l.Executor, labelTask: &l.Task,
		labelRoute: &l.Route, labelSandbox: &l.Sandbox, labelBootID: &l.BootID, NoteLabel: &l.Note, DevicesLabel: &l.Devices, GroupsLabel: &l.Groups,
	}
}

// Map returns the labels as the Engine takes them.
func (l Labels) Map() map[string]string {
	labels := map[string]string{
		labelStopGrace: l.StopGrace.String(),
		labelPID:       strconv.Itoa(l.ExecutorPID),
		labelStartTime: strconv.FormatUint(l.ExecutorStartTime, 10),
	}
	for key, text := range l.texts() {
		labels[key] = *text
	}
	return labels
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
	var l Labels
	for key, text := range l.texts() {
		*text = labels[key]
	}
	var mistakes *multierror.Error
	for _, key := range []string{labelInstance, labelName} {
		if labels[key] == "" {
			mistakes = multierror.Append(mistakes, fmt.Errorf("label %s is missing", key))
		}
	}
	var err error
	wrong := func(key, accepted string) {
		if value, present := labels[key]; present {
			mistakes = multierror.Append(mistakes, fmt.Errorf("label %s is %q, want %s", key, value, accepted))
		}
	}
	if l.StopGrace, err = time.ParseDuration(labels[labelStopGrace]); err != nil || l.StopGrace < 0 {
		wrong(labelStopGrace, "a duration of 0s or more, such as 1m30s")
		l.StopGrace = 0
	}
	pid, err := strconv.ParseUint(labels[labelPID], 10, 31)
	if err != nil {
		wrong(labelPID, "a process id, or 0")
		pid = 0
	}
	l.ExecutorPID = int(pid)
	if l.ExecutorStartTime, err = strconv.ParseUint(labels[labelStartTime], 10, 64); err != nil {
		wrong(labelStartTime, "clock ticks")
		l.ExecutorStartTime = 0
	}
	return l, mistakes.ErrorOrNil()
}
