package containerizer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

func TestParentRefused(t *testing.T) {
	for name, test := range map[string]struct {
		route  wire.Route
		driver string
		word   string // of the error; empty for none
	}{
		"systemd":           {wire.RouteCustom, "systemd", "native.cgroupdriver=cgroupfs"},
		"no group":          {wire.RouteCustom, "cgroupfs", "launcher=linux"},
		"the drop-in route": {wire.RouteDropIn, "systemd", ""},
	} {
		s := &session{
			server: &Server{options: Options{BelowExecutor: true}}, executor: wire.Process{PID: os.Getpid()},
			attach: wire.Attach{Route: test.route, Sandbox: "/runs/0f8e3e1c-7d3a-4c5b-9b1e-3f1f7f1a2b3c"},
		}
		err := s.findParent(engine.Info{CgroupDriver: test.driver})
		if (err == nil) != (test.word == "") || err != nil && !(strings.Contains(err.Error(), test.word) && strings.Contains(err.Error(), "cgroup_parent=executor")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// agentsGroups makes the control groups that an agent makes for an executor, and returns where the executor goes and where the
// memory of all below is counted.
func agentsGroups(t *testing.T, id string) (executors []string, memory string) {
	t.Helper()
	const hierarchies = "/sys/fs/cgroup"
	root := "mdc-agent-test"
	if _, err := os.Stat(hierarchies + "/cgroup.procs"); err == nil { // version 2
		executors, memory = []string{filepath.Join(hierarchies, root, id, "leaf")}, filepath.Join(hierarchies, root, id)
	} else {
		memory = filepath.Join(hierarchies, "memory", root, id)
		executors = []string{memory, filepath.Join(hierarchies, "cpu", root, id), filepath.Join(hierarchies, "freezer", root, id)}
	}
	for _, g := range executors {
		if err := os.MkdirAll(g, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // the first level may be in any hierarchy
		for _, pattern := range []string{"/*/" + root, "/" + root} {
			found, _ := filepath.Glob(hierarchies + pattern)
			for _, g := range found {
				for _, below := range []string{id + "/leaf", id, ""} {
					os.Remove(filepath.Join(g, below))
				}
			}
		}
	})
	return executors, memory
}

func TestContainerBelowExecutor(t *testing.T) {
	h := newHost(t, func(o *Options) { o.BelowExecutor = true })
	info, err := h.options.Engine.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.CgroupDriver != "cgroupfs" {
		t.Skipf("the Engine's cgroup driver is %s", info.CgroupDriver)
	}
	sandbox := t.TempDir()
	id := filepath.Base(filepath.Dir(sandbox)) + filepath.Base(sandbox) // is of this run alone
	sandbox = filepath.Join(sandbox, id)
	if err := os.Mkdir(sandbox, 0o755); err != nil {
		t.Fatal(err)
	}
	executors, memory := agentsGroups(t, id)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	attach := wire.Attach{
		Version: wire.Version, Route: wire.RouteCustom, Framework: "framework", Executor: t.Name(), Sandbox: sandbox, StopGrace: time.Minute,
	}
	p := h.execute(dockerTask(t, environment.Busybox(t), "sleep 1000"), attach, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Stderr = "/bin/sh", os.Stderr
		cmd.Args = append([]string{"sh", "-ec", `for g; do echo $$ >"$g/cgroup.procs"; done; exec "$0"`, self}, executors...)
	})
	p.awaitRunning(t)
	list := h.containers()
	if len(list) != 1 {
		t.Fatalf("containers: %+v", list)
	}
	if _, err := os.Stat(filepath.Join(memory, list[0].ID)); err != nil {
		t.Errorf("the container's group is not below the executor's: %v", err)
	}

	// The agent's destroy kills what is below in every hierarchy that it knows, at once. Nothing is left then but its own groups.
	pids, err := os.ReadFile(filepath.Join(memory, list[0].ID, "cgroup.procs"))
	if err != nil || len(pids) == 0 {
		t.Fatalf("processes of the container: %q, %v", pids, err)
	}
	kill := exec.Command("kill", append([]string{"-KILL"}, strings.Fields(string(pids))...)...)
	if out, err := kill.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.kill()
	h.awaitNoContainers()
	made, err := filepath.Glob("/sys/fs/cgroup/*/mdc-agent-test/" + id)
	if err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, patience, "the groups that the runtime made to go", func() bool {
		made, _ = filepath.Glob("/sys/fs/cgroup/*/mdc-agent-test/" + id)
		return len(made) <= len(executors)
	})
	for _, g := range executors {
		if _, err := os.Stat(g); err != nil {
			t.Errorf("a group of the agent's has gone: %v", err)
		}
	}
}
