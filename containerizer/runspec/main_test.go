package runspec_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/goleak"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

const (
	testSandbox = "/var/lib/mesos/sandbox"
	testMapped  = "/mnt/mesos/sandbox"
	testName    = "mesos-6a8c4f87-a93f-4f87-a93f-7a86365b9031"
)

// noParser fails the test that needs it: the task at hand must take the short path.
type noParser struct{ t *testing.T }

func (p noParser) Parse(context.Context, runspec.ParseRequest) (runspec.ParseResult, error) {
	p.t.Error("the parser was asked about a task that needs none")
	return runspec.ParseResult{}, errors.New("unexpected")
}

// taskOf wraps a TaskInfo.
func taskOf(info mesos.TaskInfo) runspec.Task {
	return runspec.Task{Info: info, Name: testName, SandboxDirectory: testSandbox, MappedDirectory: testMapped}
}

// infoOf reads a TaskInfo from the JSON that frameworks write, so that tests show what a framework sends.
func infoOf(t testing.TB, text string) mesos.TaskInfo {
	t.Helper()
	var info mesos.TaskInfo
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		t.Fatalf("TaskInfo %s: %v", text, err)
	}
	return info
}

// dockerTask is a TaskInfo with the given DockerInfo fields and other TaskInfo fields, each JSON with a leading comma or empty.
func dockerTask(docker, container, task string) string {
	return `{"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}` + task +
		`, "container": {"type": "DOCKER"` + container + `, "docker": {"image": "busybox"` + docker + `}}}`
}

const shellCommand = `, "command": {"value": "true"}`

// translate translates a task that needs no parser.
func translate(t *testing.T, task runspec.Task, o runspec.Options) *runspec.Spec {
	t.Helper()
	o.Parameters = noParser{t}
	spec, err := runspec.Translate(t.Context(), task, o)
	if err != nil {
		t.Fatalf("Translate: %v", err)
	}
	return spec
}

// wantFault translates a task that is at fault and checks text and field.
func wantFault(t *testing.T, task runspec.Task, o runspec.Options, text, field string) {
	t.Helper()
	_, err := runspec.Translate(t.Context(), task, o)
	var fault *runspec.Error
	if !errors.As(err, &fault) {
		t.Fatalf("Translate: error %v, want a *runspec.Error", err)
	}
	if fault.Text != text || fault.Field != field {
		t.Errorf("Translate:\n got %q in field %q\nwant %q in field %q", fault.Text, fault.Field, text, field)
	}
}

// exampleTask takes the TaskInfo out of an example.
func exampleTask(t testing.TB, data []byte) json.RawMessage {
	t.Helper()
	var example struct {
		TaskInfo json.RawMessage `json:"taskinfo"`
	}
	if err := json.Unmarshal(data, &example); err != nil || example.TaskInfo == nil {
		t.Fatalf("no taskinfo in the example: %v", err)
	}
	return example.TaskInfo
}
