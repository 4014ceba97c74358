package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
)

// A framework that can only name an executor puts the container where it can: into a label or a variable of the executor.
func TestContainerKey(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	document := func(t *testing.T, info mesos.TaskInfo) string {
		t.Helper()
		text, err := json.Marshal(map[string]any{"container": info.Container, "command": info.Command})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, place := range map[string]func(*localagent.LaunchRequest, string){
		"label": func(r *localagent.LaunchRequest, text string) {
			r.Task.Labels = &mesos.Labels{Labels: []mesos.Label{{Key: "DOCKER_CONTAINER", Value: &text}}}
		},
		"variable": func(r *localagent.LaunchRequest, text string) {
			own := r.Task.Executor.Command.Environment
			own.Variables = append(own.Variables, mesos.Environment_Variable{Name: "DOCKER_CONTAINER", Value: &text})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := probe(t, "report", "a b")
			info.Command.Environment = variables("OF_THE_TASK=1")
			info.Container.Hostname = new("a.corp.org")
			info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
			toCustom := custom(t, h, variables("OF_THE_EXECUTOR=1", "OF_THE_TASK=0"))
			seen, running := h.report(t, info, func(r *localagent.LaunchRequest) {
				text := document(t, r.Task)
				toCustom(r)
				r.Task.Container, r.Task.Data = nil, nil
				place(r, text)
			})
			if seen.Hostname != "a.corp.org" || strings.Join(seen.Argv, "|") != "/bin/probe|report|a b" {
				t.Errorf("hostname %s, argv %q", seen.Hostname, seen.Argv)
			}
			for variable, want := range map[string]string{"OF_THE_TASK": "1", "OF_THE_EXECUTOR": "1", "DOCKER_CONTAINER": ""} {
				if got, _ := seen.Getenv(variable); got != want {
					t.Errorf("%s=%q, want %q", variable, got, want)
				}
			}
			if found := inspected(t, running).Name; !strings.HasPrefix(found, "/mdc-") || strings.HasPrefix(found, "/mesos-") {
				t.Errorf("container name %s", found)
			}
		})
	}
}

// A task whose own variables hide the agent's still has the sandbox that the agent made for it.
func TestSandboxIsNotTheTasksToChoose(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	elsewhere := t.TempDir()
	for name, path := range map[string]string{"existing": elsewhere, "missing": "/nowhere", "relative": "x", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := shell(t, `echo of the task >"`+mapped+`/file"; echo "$MESOS_DIRECTORY"`)
			info.Command.Environment = variables("MESOS_DIRECTORY="+path, "MESOS_SANDBOX="+path)
			k := h.launch(t, info)
			k.finish(t)
			if k.output(t, "file") != "of the task\n" || k.output(t, "stdout") != path+"\n" {
				t.Errorf("the sandbox has %q, MESOS_DIRECTORY is %q", k.output(t, "file"), k.output(t, "stdout"))
			}
		})
	}
}
