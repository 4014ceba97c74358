package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/report"
)

// task is one task on a host, as its framework and its agent see it.
type task struct {
	*localagent.Task
	h *host
}

// launch starts a task on the local route.
func (h *host) launch(t *testing.T, info mesos.TaskInfo, change ...func(*localagent.LaunchRequest)) *task {
	t.Helper()
	request := localagent.LaunchRequest{Task: info, Path: h.executor, Args: []string{"--socket=" + h.socket, "--route=local"}}
	for _, c := range change {
		c(&request)
	}
	launched, err := h.agent.Launch(request)
	if err != nil {
		t.Fatal(err)
	}
	k := &task{Task: launched, h: h}
	t.Cleanup(func() {
		said := k.output(t, "stderr")
		if strings.Contains(said, "DATA RACE") {
			t.Error("the executor has a data race")
		}
		if t.Failed() {
			t.Logf("stderr of task %s:\n%.4000s", k.ID, said)
		}
	})
	return k
}

// run launches a task and returns it when all of it is over.
func (h *host) run(t *testing.T, info mesos.TaskInfo) (*task, mesos.TaskStatus) {
	t.Helper()
	k := h.launch(t, info)
	return k, k.end(t)
}

// await returns the first update in the given state.
func (k *task) await(t *testing.T, state mesos.TaskState) mesos.TaskStatus {
	t.Helper()
	var seen []mesos.TaskStatus
	for status := range k.Updates(patiently(t)) {
		if status.GetState() == state {
			return status
		}
		seen = append(seen, status)
	}
	t.Fatalf("task %s did not get to %s: %s", k.ID, state, story(seen))
	return mesos.TaskStatus{}
}

// updates returns all updates of a task that has ended.
func (k *task) updates(t *testing.T) []mesos.TaskStatus {
	t.Helper()
	var seen []mesos.TaskStatus
	for status := range k.Updates(patiently(t)) {
		seen = append(seen, status)
	}
	return seen
}

// story is the course of a task in one line.
func story(updates []mesos.TaskStatus) string {
	var words []string
	for _, status := range updates {
		word := strings.TrimPrefix(status.GetState().String(), "TASK_")
		if text := status.GetMessage(); text != "" {
			word += " (" + text + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// states is the course of a task, progress and messages left out.
func states(updates []mesos.TaskStatus) string {
	var words []string
	for _, status := range updates {
		word := strings.TrimPrefix(status.GetState().String(), "TASK_")
		if word == "STARTING" && len(words) > 0 {
			continue // progress
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// wantStates compares the course of a task that has ended, in which no update may come twice.
func (k *task) wantStates(t *testing.T, want string) {
	t.Helper()
	seen := k.updates(t)
	if got := states(seen); got != want {
		t.Errorf("task %s went through %s, want %s", k.ID, story(seen), want)
	}
	for i, status := range seen {
		for _, other := range seen[:i] {
			if bytes.Equal(status.UUID, other.UUID) {
				t.Errorf("update %s was stored twice", status.GetState())
			}
		}
	}
}

// end waits for the terminal update, for the executor to exit as it should and for the container to be gone.
func (k *task) end(t *testing.T) mesos.TaskStatus {
	t.Helper()
	status, err := k.Wait(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	k.awaitExecutor(t)
	k.awaitNoContainer(t)
	return status
}

// finish is end for a task that succeeds.
func (k *task) finish(t *testing.T) mesos.TaskStatus {
	t.Helper()
	status := k.end(t)
	if status.GetState() != mesos.TASK_FINISHED {
		t.Fatalf("task %s: %s", k.ID, story([]mesos.TaskStatus{status}))
	}
	return status
}

// awaitExecutor waits for the executor's end, which must be a regular one.
func (k *task) awaitExecutor(t *testing.T) {
	t.Helper()
	exit, err := k.WaitExecutor(patiently(t))
	if err != nil || exit == nil || !exit.Success() {
		t.Errorf("executor of task %s: %v, %v", k.ID, exit, err)
	}
}

func (k *task) awaitNoContainer(t *testing.T) {
	t.Helper()
	environment.Eventually(t, patience, "the container of "+k.ID+" to be removed", func() bool { return k.container(t) == "" })
}

// container returns the id of the task's container, "" if there is none.
func (k *task) container(t *testing.T) string {
	t.Helper()
	for _, c := range k.h.containers(t) {
		if c.Labels["mesos-docker-containerizer.sandbox"] == k.Sandbox {
			return c.ID
		}
	}
	return ""
}

// kill kills the task, which must end for that reason.
func (k *task) kill(t *testing.T) mesos.TaskStatus {
	t.Helper()
	if err := k.h.agent.Kill(k.ID, nil); err != nil {
		t.Fatal(err)
	}
	status := k.end(t)
	if status.GetState() != mesos.TASK_KILLED {
		t.Errorf("task %s: %s", k.ID, story([]mesos.TaskStatus{status}))
	}
	return status
}

// output returns what is in the sandbox's file of that name.
func (k *task) output(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(k.Sandbox, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(content)
}

// awaitOutput waits until stdout holds a text.
func (k *task) awaitOutput(t *testing.T, text string) {
	t.Helper()
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(patiently(t))
	defer func() { cancel(); <-ended }()
	var over atomic.Bool
	go func() {
		defer close(ended)
		_, err := k.Wait(ctx)
		over.Store(err == nil)
	}()
	environment.Eventually(t, patience, "the output "+text, func() bool {
		last := over.Load()
		found := strings.Contains(k.output(t, "stdout"), text)
		if last && !found {
			t.Fatalf("task %s has ended without the output %q: %s", k.ID, text, story(k.updates(t)))
		}
		return found
	})
}

// report runs a task whose output is a report and returns it, with the first update that says RUNNING.
func (h *host) report(t *testing.T, info mesos.TaskInfo, change ...func(*localagent.LaunchRequest)) (report.Report, mesos.TaskStatus) {
	t.Helper()
	k := h.launch(t, info, change...)
	k.finish(t)
	return k.reported(t), k.await(t, mesos.TASK_RUNNING)
}

// reported decodes a report from stdout.
func (k *task) reported(t *testing.T) report.Report {
	t.Helper()
	var seen report.Report
	if err := json.Unmarshal([]byte(k.output(t, "stdout")), &seen); err != nil {
		t.Fatalf("no report from task %s: %v in %.1000q", k.ID, err, k.output(t, "stdout"))
	}
	if len(seen.Errors) > 0 {
		t.Errorf("the report has errors: %v", seen.Errors)
	}
	return seen
}

// inspected decodes the data of TASK_RUNNING, an array of one as `docker inspect` prints it.
func inspected(t *testing.T, running mesos.TaskStatus) container.InspectResponse {
	t.Helper()
	var found []container.InspectResponse
	if err := json.Unmarshal(running.Data, &found); err != nil || len(found) != 1 {
		t.Fatalf("data of %s: %v, %.200q", running.GetState(), err, running.Data)
	}
	return found[0]
}

// wantMessage checks that a status names what a person has to know.
func wantMessage(t *testing.T, status mesos.TaskStatus, state mesos.TaskState, words ...string) {
	t.Helper()
	if status.GetState() != state {
		t.Errorf("state %s, want %s", status.GetState(), state)
	}
	for _, word := range words {
		if !strings.Contains(status.GetMessage(), word) {
			t.Errorf("message %q does not say %q", status.GetMessage(), word)
		}
	}
}

// wantForcedEnd checks the end of a task that the daemon has ended with SIGKILL. It waits for the status for some seconds only, and an
// Engine on a busy host may tell it later.
func wantForcedEnd(t *testing.T, status mesos.TaskStatus, state mesos.TaskState) {
	t.Helper()
	words := "Container exited with status 137"
	if strings.Contains(status.GetMessage(), "has not reported its exit within") {
		words = ""
	}
	wantMessage(t, status, state, words)
}
