package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
)

// mark is the variable of a task's environment by which its processes are found.
const mark = "MESOS_DOCKER_FAULTS_TASK"

// script is what tasks run. Each line is written to a file of the sandbox before it goes to the standard output.
const script = `echo started >>"$MESOS_SANDBOX/starts"
[ "$STUBBORN" ] && trap '' TERM || trap 'exit 0' TERM
i=0
while [ $i -lt "$LINES" ]; do
	line="$i $((i * 7919 % 10007)) of ` + "`hostname`" + `"
	echo "$line" >>"$MESOS_SANDBOX/wrote"
	echo "$line"
	i=$((i + 1))
	sleep "$PAUSE"
done
touch "$MESOS_SANDBOX/done"
exit "$CODE"`

// task is one task of a round.
type task struct {
	*localagent.Task
	work   work
	number int

	killAsked      bool
	executorKilled bool
}

// launch starts a task, as soon as the agent takes it.
func (h *host) launch(t *testing.T, number int, w work) *task {
	t.Helper()
	h.launched++
	id := fmt.Sprintf("faults-%d", h.launched)
	variable := func(name, value string) mesos.Environment_Variable {
		return mesos.Environment_Variable{Name: name, Value: &value}
	}
	stubborn := ""
	if w.stubborn {
		stubborn = "yes"
	}
	request := localagent.LaunchRequest{
		Task: mesos.TaskInfo{
			Name: "faults", TaskID: mesos.TaskID{Value: id},
			Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &mesos.ContainerInfo_DockerInfo{
				Image: h.image, Network: mesos.ContainerInfo_DockerInfo_HOST.Enum(),
			}},
			Command: &mesos.CommandInfo{Value: new(script), Environment: &mesos.Environment{Variables: []mesos.Environment_Variable{
				variable(mark, id), variable("LINES", strconv.Itoa(w.lines)), variable("PAUSE", fmt.Sprintf("%.3f", w.pause.Seconds())),
				variable("CODE", strconv.Itoa(w.code)), variable("STUBBORN", stubborn),
			}}},
			KillPolicy: &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(time.Second)}},
			Resources: []mesos.Resource{
				{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 0.1}},
				{Name: "mem", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 32}},
			},
		},
		Path: filepath.Join(h.programs, "mesos-docker-executor"), Args: []string{"--socket=" + h.socket(), "--route=local"},
	}
	w.reader.read(&request)
	var launched *localagent.Task
	h.eventually(t, "the agent to take a task", func() bool {
		var err error
		launched, err = h.agent.Launch(request)
		if err != nil && !errors.Is(err, localagent.ErrRecovering) {
			t.Fatal(err)
		}
		return err == nil
	})
	return &task{Task: launched, work: w, number: number}
}

// read puts the reader behind an executor.
func (r reader) read(request *localagent.LaunchRequest) {
	wrapped := map[reader]string{
		slowReader: `mkfifo pipe && { setsid sh -c 'while dd bs=512 count=1 2>/dev/null >piece && [ -s piece ]; do cat piece >&3; sleep 0.01; done; touch read' <pipe 3>>stdout & }; exec "$0" "$@" >pipe`,
		deadReader: `mkfifo pipe && { setsid sh -c 'exec head -c 64 >/dev/null' <pipe & }; exec "$0" "$@" >pipe`,
	}[r]
	if wrapped != "" {
		request.Args = append([]string{"-c", wrapped, request.Path}, request.Args...)
		request.Path = "/bin/sh"
	}
}

// kill asks for the task's end, as a framework does: again until the task has ended.
func (k *task) kill(ctx context.Context, h *host) {
	k.killAsked = true
	for tick := time.NewTicker(2 * time.Second); ctx.Err() == nil; {
		_ = h.agent.Kill(k.ID, nil) // refused while the agent recovers
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// check judges a task that has ended, by the faults of its round and the times in which the Engine was away.
func (k *task) check(t *testing.T, updates []mesos.TaskStatus, faults map[fault]bool, away []span) {
	t.Helper()
	starts, wrote, done := k.read("starts"), k.read("wrote"), k.has("done")
	// An Engine with live-restore under which no container runs when it is told to end stops those that are just being started.
	stopped := faults[stopEngine] || faults[restartEngine]
	last := updates[len(updates)-1]
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("task %d (%s, %+v): %s\nupdates: %s\nstderr: %.3000s", k.number, k.ID, k.work, fmt.Sprintf(format, args...), story(updates), k.read("stderr"))
	}
	if n := strings.Count(starts, "\n"); n > 1 {
		fail("it was started %d times", n)
	}
	for i, status := range updates {
		if terminal := ended(status); terminal != (i == len(updates)-1) {
			fail("update %d of %d is terminal: %v", i+1, len(updates), terminal)
		}
		if slices.ContainsFunc(updates[:i], func(other mesos.TaskStatus) bool {
			return string(other.UUID) == string(status.UUID) && len(status.UUID) > 0
		}) {
			fail("update %d came twice", i+1)
		}
	}
	switch state := last.GetState(); {
	case k.executorKilled: // whatever the agent makes of it
	case state == mesos.TASK_FINISHED && done && k.work.code == 0 && starts != "":
	case state == mesos.TASK_FINISHED && stopped && slices.ContainsFunc(away, func(s span) bool { return s.before(k.lastWrite()) }):
		// An Engine that is told to end as soon as it is back tells of its signals before the daemon listens again.
	case state == mesos.TASK_FINISHED && k.killAsked && !k.work.stubborn: // it took the signal just before
		fail("it was killed, and is FINISHED without having come to its end")
	case state == mesos.TASK_KILLED && k.killAsked:
	case state == mesos.TASK_DROPPED && faults[restartAgent] && starts == "": // the agent had sent it to an executor that had yet to come
	case state == mesos.TASK_FAILED && (k.work.code != 0 && done || stopped):
	case state == mesos.TASK_FAILED && (faults[killContainerd] || faults[killEngine] || faults[restartEngine]):
		// One that dies in the middle of a start leaves what keeps the Engine from starting this container ever again, and a
		// containerd that dies may take the exit of a container with it.
	default:
		fail("state %s is wrong: it came to its end: %v; a kill was asked: %v", state, done, k.killAsked)
	}
	// What is killed before the Engine has said that it runs, or started by an Engine that never says so, may write after its executor has ended.
	k.checkOutput(wrote, containerID(updates) == "", away, fail)
}

// checkOutput compares what was written with what came. A line that was being written at the end may be missing. An Engine that is
// away when a container ends logs nothing of what that wrote meanwhile (findings/live-restore-loses-last-words.sh), so then the end
// may be. That is so without live-restore, too: a container whose start is under way when the Engine is told to end is not stopped.
func (k *task) checkOutput(wrote string, early bool, away []span, fail func(string, ...any)) {
	if k.executorKilled || k.work.reader == deadReader {
		return
	}
	got := k.read("stdout")
	if got == wrote {
		return
	}
	if strings.HasPrefix(wrote, got) && (early || slices.ContainsFunc(away, func(s span) bool { return s.around(k.lastWrite()) })) {
		return
	}
	if !k.has("done") && wrote != "" && got == wrote[:strings.LastIndexByte(wrote[:len(wrote)-1], '\n')+1] {
		return
	}
	same := 0
	for same < min(len(got), len(wrote)) && got[same] == wrote[same] {
		same++
	}
	fail("its output is %d bytes and not the %d that it wrote; they differ from byte %d on", len(got), len(wrote), same)
}

// lastWrite is when the task wrote its last line; zero if it wrote none.
func (k *task) lastWrite() time.Time {
	info, err := os.Stat(filepath.Join(k.Sandbox, "wrote"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// span is a time in which the Engine was away, from its process's end until it answered again.
type span struct{ from, to time.Time }

// around reports whether a time is within the span, or so short a time before or after it that the Engine may not have been about to
// log, or not again.
func (s span) around(t time.Time) bool {
	const slack = time.Second
	return t.After(s.from.Add(-slack)) && t.Before(s.to.Add(slack))
}

// before reports whether a time is so soon after the span that the daemon need not have heard events again.
func (s span) before(t time.Time) bool {
	const reopening = 5 * time.Second
	return t.After(s.to) && t.Before(s.to.Add(reopening))
}

func (k *task) read(name string) string {
	content, _ := os.ReadFile(filepath.Join(k.Sandbox, name))
	return string(content)
}

func (k *task) has(name string) bool {
	_, err := os.Stat(filepath.Join(k.Sandbox, name))
	return err == nil
}

// containerID is the id in the update that says the task runs; empty if none does.
func containerID(updates []mesos.TaskStatus) string {
	for _, status := range updates {
		var inspected []struct{ ID string }
		if json.Unmarshal(status.Data, &inspected) == nil && len(inspected) == 1 {
			return inspected[0].ID
		}
	}
	return ""
}

func ended(status mesos.TaskStatus) bool {
	switch status.GetState() {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_KILLING:
		return false
	}
	return true
}

func story(updates []mesos.TaskStatus) string {
	var words []string
	for _, status := range updates {
		words = append(words, fmt.Sprintf("%s (%s)", status.GetState(), status.GetMessage()))
	}
	return strings.Join(words, ", ")
}
