package containerizer

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// putInCgroup puts a process into the cgroup of a container that has not been started, as a start does that fails halfway.
func putInCgroup(t *testing.T, container string) *exec.Cmd {
	t.Helper()
	hierarchy := "/sys/fs/cgroup"
	if _, err := os.Stat(hierarchy + "/cgroup.procs"); err != nil {
		hierarchy += "/memory" // cgroup version 1
	}
	cgroup := filepath.Join(hierarchy, "left-"+container)
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		t.Fatal(err)
	}
	left := exec.Command("sleep", "1000")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left.Process.Kill()
		left.Wait()
		os.Remove(cgroup)
	})
	if err := os.WriteFile(cgroup+"/cgroup.procs", []byte(strconv.Itoa(left.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	return left
}

// A start that the Engine says has failed may have left a process. It is not repeated before that has ended, and the task does not
// end without it.
func TestStartThatLeavesAProcess(t *testing.T) {
	for name, fault := range map[string]fakeengine.Kind{"refused": fakeengine.Fail, "lost": fakeengine.Break} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/attach`, 1)
			p.Fault(fault, http.MethodPost, `/containers/.*/start`, 1)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
			for e.state.ContainerID == "" {
				e.next()
			}
			left := putInCgroup(t, e.state.ContainerID)
			p.Release()
			looks := func() int { return p.Count(http.MethodGet, `/containers/.*/json`) }
			eventually(t, "the second look", func() bool { return looks() > 1 })
			if n := p.Count(http.MethodPost, `/containers/.*/start`); n != 1 {
				t.Errorf("it was started %d times", n)
			}
			if fault == fakeengine.Fail {
				left.Process.Kill()
				left.Wait()
				e.awaitRunning()
				if exit := e.awaitExit(); exit.Code != 5 {
					t.Errorf("exit %+v", exit)
				}
			} else {
				e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
				mustName(t, e.awaitExit().Message, "killed before it was started")
				if err := left.Wait(); err == nil || err.Error() != "signal: killed" {
					t.Errorf("what was left ended with %v", err)
				}
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}
