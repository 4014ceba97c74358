package containerizer

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/memoryregistry"
)

// dockerCommand is the agent's docker command as the daemon answers it, with pulls that are deferred.
func (h *host) dockerCommand() func(home string, arguments ...string) (status int, stdout string) {
	d := h.newDocker(func(o *dockercli.Options) { o.DeferPull = true })
	return func(home string, arguments ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		status := d.Answer(h.t.Context(), dockercli.Call{Arguments: arguments, Home: home, Stdin: new(bytes.Buffer), Stdout: &stdout, Stderr: &stderr})
		return status, stdout.String()
	}
}

// awaitPull waits until the executor hears of bytes on their way, or of the end of its task.
func (e *executor) awaitPull() {
	e.t.Helper()
	for {
		m := e.next()
		if m.Progress != nil && m.Progress.Pull != nil {
			return
		}
		if m.Exited != nil {
			e.t.Fatalf("ended before its pull: %+v", m.Exited)
		}
	}
}

// An agent's docker pull is answered at once. The executor that it then starts joins that pull, hears of its progress, and runs the
// task when the image is there, which was downloaded once, though two agents want it, and with credentials that only these had.
func TestExecutorJoinsTheAgentsPull(t *testing.T) {
	r := memoryregistry.New(t)
	r.Login, r.Gate = "agent:geheim", make(chan struct{})
	h := newHost(t)
	docker := h.dockerCommand()
	for range 2 {
		home := r.Home(t, r.Login)
		if status, _ := docker(home, "pull", r.Ref()); status != 0 {
			t.Fatalf("pull: status %d", status)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
		if status, stdout := docker("", "inspect", r.Ref()); status != 0 || !strings.Contains(stdout, `"ContainerConfig"`) {
			t.Fatalf("inspect: status %d, %s", status, stdout)
		}
	}
	r.AwaitDownload(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, r.Ref(), "echo ran"))
	e.awaitPull()
	close(r.Gate)
	e.awaitRunning()
	if exited := e.awaitExit(); exited.Outcome != wire.OutcomeExited || exited.Code != 0 {
		t.Errorf("%+v", exited)
	}
	if stdout, _ := e.readOutput(); stdout != "ran\n" {
		t.Errorf("output %q", stdout)
	}
	e.done()
	h.awaitNoContainers()
	if n := r.Downloads(); n != 1 {
		t.Errorf("%d downloads", n)
	}
}

// A task forces the pull that its agent has made for it, with credentials that only the agent had.
func TestExecutorForcesTheAgentsPull(t *testing.T) {
	r := memoryregistry.New(t)
	r.Login = "agent:geheim"
	h := newHost(t)
	docker := h.dockerCommand()
	home := r.Home(t, r.Login)
	if status, _ := docker(home, "pull", r.Ref()); status != 0 {
		t.Fatalf("pull: status %d", status)
	}
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, patience, "the image", func() bool {
		_, err := h.docker.ImageInspect(t.Context(), r.Ref())
		return err == nil
	})
	task := dockerTask(t, r.Ref(), "exit 3")
	task.Container.Docker.ForcePullImage = new(true)
	p := h.startProcess(task, wire.Attach{Route: wire.RouteDropIn, ContainerName: agentsName()})
	if exited := p.awaitExit(t); exited.Code != 3 {
		t.Errorf("%+v", exited)
	}
	p.kill()
	h.awaitNoContainers()
}

// The failure of a deferred pull reaches the framework through the executor, in its words.
func TestExecutorReportsTheAgentsFailedPull(t *testing.T) {
	r := memoryregistry.New(t)
	h := newHost(t)
	docker, absent := h.dockerCommand(), r.Address+"/app:absent"
	for _, arguments := range [][]string{{"pull", absent}, {"inspect", absent}} {
		if status, _ := docker("", arguments...); status != 0 {
			t.Fatalf("%q: status %d", arguments, status)
		}
	}
	e := h.newExecutor()
	e.launch(dockerTask(t, absent, "true"))
	exited := e.awaitExit()
	mustName(t, exited.Message, absent, "not found", "check its name and tag")
	if exited.Fault != wire.FaultTask {
		t.Errorf("%+v", exited)
	}
	e.done()
}
