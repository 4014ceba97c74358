package containerizer

import (
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// leftover is a process that a failed start has left.
type leftover struct {
	*os.Process
	wait func() error // for its end; any goroutine may call it
}

// putInCgroup starts a process in a cgroup that is named as the container's.
func putInCgroup(t *testing.T, container string, command *exec.Cmd) (left leftover, cgroup string) {
	t.Helper()
	cgroup = environment.Cgroup(t, container)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	left = leftover{command.Process, sync.OnceValue(command.Wait)}
	t.Cleanup(func() {
		left.Kill()
		left.wait()
	})
	if err := os.WriteFile(cgroup+"/cgroup.procs", []byte(strconv.Itoa(left.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	return left, cgroup
}

// initProcess stands for the runtime's own process, which is there before a container's program.
func initProcess(t *testing.T) *exec.Cmd {
	t.Helper()
	directory := t.TempDir()
	if err := syscall.Mkfifo(directory+"/init", 0o600); err != nil {
		t.Fatal(err)
	}
	left := exec.Command("cat", "init") // waits for a writer
	left.Args[0], left.Dir = "runc", directory
	return left
}

// A start that the Engine says has failed may have left a process. It is not repeated before that has ended, and not at all if that was
// the container's program. The task does not end without it.
func TestStartThatLeavesAProcess(t *testing.T) {
	for name, c := range map[string]struct {
		fault fakeengine.Kind
		left  func(*testing.T) *exec.Cmd
		ends  func(t *testing.T, e *executor, p *fakeengine.Proxy, left leftover, cgroup string)
	}{
		"refused before the program": {fakeengine.Fail, initProcess, func(t *testing.T, e *executor, p *fakeengine.Proxy, left leftover, cgroup string) {
			p.Fault(fakeengine.Fail, http.MethodGet, anyInspect, always) // the daemon looks at the cgroup once more at most before that goes
			left.Kill()
			left.wait()
			if err := os.Remove(cgroup); err != nil {
				t.Error(err)
			}
			p.Mend()
			e.awaitRunning()
			if exit := e.awaitExit(); exit.Code != 5 {
				t.Errorf("exit %+v", exit)
			}
		}},
		"refused with the program": {fakeengine.Fail, program, func(t *testing.T, e *executor, _ *fakeengine.Proxy, left leftover, _ string) {
			left.Kill()
			left.wait()
			mustName(t, e.awaitExit().Message, "may have run", "not started again")
		}},
		"lost": {fakeengine.Break, program, func(t *testing.T, e *executor, _ *fakeengine.Proxy, left leftover, _ string) {
			e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
			mustName(t, e.awaitExit().Message, "killed before it was started")
			if err := left.wait(); err == nil || err.Error() != "signal: killed" {
				t.Errorf("what was left ended with %v", err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/attach`, 1)
			p.Fault(c.fault, http.MethodPost, `/containers/.*/start`, 1)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
			for e.state.ContainerID == "" {
				e.next()
			}
			left, cgroup := putInCgroup(t, e.state.ContainerID, c.left(t))
			p.Release()
			looks := func() int { return p.Count(http.MethodGet, `/containers/.*/json`) }
			environment.Eventually(t, patience, "the second look", func() bool { return looks() > 1 })
			if n := p.Count(http.MethodPost, `/containers/.*/start`); n != 1 {
				t.Errorf("it was started %d times", n)
			}
			c.ends(t, e, p, left, cgroup)
			e.done()
			h.awaitNoContainers()
		})
	}
}

// wantAgain awaits the end of a task whose program is "exit 5": of one that was started once more than before, or of one that was not, since
// it may have run.
func wantAgain(e *executor, starts func() int, before int, again bool) {
	e.t.Helper()
	want := before
	if again {
		want++
		if exit := e.awaitExit(); exit.Code != 5 {
			e.t.Errorf("exit %+v", exit)
		}
	} else {
		mustName(e.t, e.awaitExit().Message, "may have run", "not started again")
	}
	if n := starts(); n != want {
		e.t.Errorf("there are %d starts, want %d", n, want)
	}
}

func program(*testing.T) *exec.Cmd { return exec.Command("sleep", "1000") }

// An Engine that is lost over a start knows nothing of a program that was started and has ended when it is back. A cgroup tells that the
// start had come so far. The runtime's own process, which waits for the word to start the program, gets that from nobody any more.
func TestStartOverWhichTheEngineIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		begun, waits, again bool
	}{
		"before there was a cgroup":      {false, false, true},
		"after":                          {true, false, false},
		"before the program was started": {true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/start`, 1)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
			for e.state.ContainerID == "" {
				e.next()
			}
			starts := func() int { return p.Count(http.MethodPost, `/containers/.*/start`) }
			environment.Eventually(t, patience, "the start", func() bool { return starts() == 1 })
			switch {
			case c.waits:
				left, _ := putInCgroup(t, e.state.ContainerID, initProcess(t))
				go left.wait() // it is this process's to reap
			case c.begun:
				environment.Cgroup(t, e.state.ContainerID)
			}
			p.Away()
			p.Back()
			wantAgain(e, starts, 1, c.again)
			e.done()
			h.awaitNoContainers()
		})
	}
}

// A daemon that dies over a start leaves the container to the next, which starts it, unless the Engine has died, too. That shows in the end
// of the output, which is attached before the start.
func TestStartOverWhichDaemonAndEngineAreLost(t *testing.T) {
	for name, c := range map[string]struct {
		ended, over, waits, again bool
	}{
		"the daemon alone":               {again: true},
		"both":                           {ended: true},
		"both, over a stopped executor":  {over: true}, // which has yet to read the end of its stream
		"before the program was started": {ended: true, waits: true, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
			e.awaitExit()
			e.state.ContainerID, e.state.Running = h.onlyCreated(e), false
			if c.ended {
				e.output.Close()
				e.output, e.state.OutputEnded = nil, time.Now()
			}
			e.state.OutputOver = c.over
			if c.waits {
				left, _ := putInCgroup(t, e.state.ContainerID, initProcess(t))
				go left.wait() // it is this process's to reap
			}
			starts := func() int { return p.Count(http.MethodPost, `/containers/.*/start`) }
			before := starts()
			h.start()
			e.reconnect(h.socket)
			wantAgain(e, starts, before, c.again)
			e.done()
			h.awaitNoContainers()
		})
	}
}

// An Engine that is stopped may refuse a start, whose program has run, with an internal error before its end. The next one has cleared up
// when it answers.
func TestStartThatAStoppedEngineRefuses(t *testing.T) {
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/attach`, 1)
	p.Fault(fakeengine.Fail, http.MethodPost, `/containers/.*/start`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
	for e.state.ContainerID == "" {
		e.next()
	}
	cgroup := environment.Cgroup(t, e.state.ContainerID)
	p.Fault(fakeengine.Break, http.MethodGet, anyInspect, always)
	p.Release()
	environment.Eventually(t, patience, "the look at the container", func() bool { return p.Count(http.MethodGet, anyInspect) > 0 })
	if err := os.Remove(cgroup); err != nil {
		t.Error(err)
	}
	p.Away()
	p.Mend()
	p.Back()
	mustName(t, e.awaitExit().Message, "may have run", "not started again")
	if n := p.Count(http.MethodPost, `/containers/.*/start`); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	e.done()
	h.awaitNoContainers()
}
