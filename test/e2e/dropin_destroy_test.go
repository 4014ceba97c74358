package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// destroyed bounds the end of an executor that is destroyed: its shutdown grace period, which for the tasks here is theirs and
// two seconds, and what it allows itself on top.
const destroyed = grace + 2*time.Second + 3*time.Second

// session are the processes of the executor's session.
func (d *dropin) session(t *testing.T) []int {
	t.Helper()
	var found []int
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(content), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 3 && fields[3] == strconv.Itoa(d.process.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, pid)
		}
	}
	return found
}

// destroy is what an agent does (contract 1.6): SIGTERM to the executor's whole tree and, without waiting, docker stop
// of the container with docker_stop_timeout, 0. It returns how long the executor took to end.
func (d *dropin) destroy(t *testing.T) time.Duration {
	t.Helper()
	tree := d.session(t)
	if len(tree) != 1 {
		t.Errorf("the executor's session has the processes %v; there is one per task", tree)
	}
	began := time.Now()
	for _, pid := range tree {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	now := 0
	d.h.docker.ContainerStop(context.WithoutCancel(t.Context()), d.container, container.StopOptions{Timeout: &now}) // a failure is ignored by agents
	d.awaitExit(t)
	took := time.Since(began)
	t.Logf("the executor took %v", took)
	if took > destroyed {
		t.Errorf("the executor took %v to end, more than %v", took, destroyed)
	}
	return took
}

// An agent waits for a destroyed executor without limit, so it ends whatever does not work. The terminal update is sent if there
// is anything to say.
func TestDropInDestroy(t *testing.T) {
	t.Parallel()
	running := func(t *testing.T, d *dropin) { d.await(t, mesos.TASK_RUNNING); d.awaitOutput(t, "holding") }
	for name, test := range map[string]struct {
		before func(*testing.T, *dropin)
		after  func(*testing.T, *dropin)
	}{
		"all is well": {running, func(t *testing.T, d *dropin) { d.end(t, "STARTING RUNNING KILLING KILLED") }},
		"the agent is silent": {
			func(t *testing.T, d *dropin) { running(t, d); d.Silence(true) },
			func(t *testing.T, d *dropin) {
				d.Silence(false)
				d.await(t, mesos.TASK_KILLED) // was said
			},
		},
		"the agent is gone": {
			func(t *testing.T, d *dropin) { running(t, d); d.die() },
			func(*testing.T, *dropin) {},
		},
		"the agent does not acknowledge": {
			func(t *testing.T, d *dropin) { running(t, d); d.LoseAcknowledgements(100) },
			func(t *testing.T, d *dropin) { d.wantStates(t, "STARTING RUNNING KILLING KILLED") },
		},
		"the daemon is away": {
			func(t *testing.T, d *dropin) { running(t, d); d.h.stopDaemon(t) },
			func(t *testing.T, d *dropin) { d.h.start(t) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			d := h.dropIn(t, probe(t, "hold", "-term", "ignore"))
			test.before(t, d)
			d.destroy(t)
			test.after(t, d)
			d.awaitStopped(t)
		})
	}
}

// Nor does an Engine that hangs keep the executor: what becomes of the container is the daemon's to see to.
func TestDropInDestroyWithHungEngine(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	engine := h.behindProxy(t, func(*fakeengine.Proxy) {})
	d := h.dropIn(t, probe(t, "hold", "-term", "ignore"))
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "holding")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		engine.Fault(fakeengine.Hang, method, `/containers/.*`, 1000)
	}
	d.destroy(t)
	d.wantStates(t, "STARTING RUNNING KILLING")
	d.awaitStopped(t)
}

// An executor that is stuck in its output, as behind a log helper that hangs, ends all the same.
func TestDropInDestroyWithStuckOutput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close() // reads nothing
	d := h.dropIn(t, probe(t, "write", "-stdout", "1000000"), func(o *dropInOptions) {
		o.prepare = func(sandbox string) {
			stdout := filepath.Join(sandbox, "stdout")
			if err := os.Remove(stdout); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(fifo, stdout); err != nil {
				t.Fatal(err)
			}
		}
	})
	d.await(t, mesos.TASK_RUNNING)
	d.destroy(t)
	d.awaitStopped(t)
}

// An executor that is destroyed before it has a task has nothing to wait for. That is what an agent does whose first
// update of the container fails.
func executorCleanup(t *testing.T) {
	h := newHost(t)
	d := h.dropIn(t, probe(t, "hold"), func(o *dropInOptions) { o.idle = true })
	if err := d.AwaitReceived(patiently(t), "RegisterExecutorMessage", 1); err != nil {
		t.Fatal(err)
	}
	if took := d.destroy(t); took > window {
		t.Errorf("it took %v with nothing to stop", took)
	}
	d.endOnce(t, "")
	if len(h.containers(t)) != 0 {
		t.Error("there is a container")
	}
}

func destroyWhilePulling(t *testing.T) {
	h := newHost(t)
	d := h.dropIn(t, ofImage(t, silentRegistry(t)+"/app:1", false))
	d.await(t, mesos.TASK_STARTING)
	d.destroy(t)
	wantMessage(t, d.await(t, mesos.TASK_KILLED), mesos.TASK_KILLED, "killed before it was started")
	d.endOnce(t, "STARTING KILLING KILLED")
	if len(h.containers(t)) != 0 {
		t.Error("there is a container")
	}
}

// The agent's registration timeout destroys a task whose Engine hangs: the executor ends in bounded time, and nothing is started
// when the Engine answers again.
func inspectHungDuringPull(t *testing.T) {
	for name, path := range map[string]string{"pull": `/images/create`, "create": `/containers/create`, "info": `/info`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			engine := h.behindProxy(t, func(p *fakeengine.Proxy) {
				p.Fault(fakeengine.Hang, http.MethodGet, path, 1000)
				p.Fault(fakeengine.Hang, http.MethodPost, path, 1000)
			})
			info := probe(t, "hold")
			if name == "pull" {
				info = ofImage(t, "127.0.0.1:1/app:1", false)
			}
			d := h.dropIn(t, info)
			d.await(t, mesos.TASK_STARTING) // the daemon itself asks for its information, too
			environment.Eventually(t, patience, "the Engine to be asked", func() bool { return engine.Count("(GET|POST)", path) > 0 })
			d.destroy(t)
			engine.Release()
			if got := states(d.Stored()); !strings.HasPrefix(got, "STARTING KILLING") || strings.Contains(got, "RUNNING") {
				t.Errorf("states %s", got)
			}
			if name == "create" { // which the Engine now does
				environment.Eventually(t, patience, "the removal of what it has created", func() bool { return engine.Count(http.MethodDelete, `/containers/.+`) > 0 })
			}
			environment.Eventually(t, patience, "no container", func() bool { return len(h.containers(t)) == 0 })
		})
	}
}

// An executor that dies by kill -9 takes its container with it at once: a task that obeys its stop signal does not wait for its
// grace period, let alone for the agent's docker_remove_delay.
func TestDropInExecutorKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.stopDaemon(t)
	h.daemon.RemoveDelay = time.Hour // so that the container's end can be looked at
	h.start(t)
	info := shell(t, `trap 'echo asked; exit 0' TERM; echo holding; while :; do sleep 0.05; done`)
	info.KillPolicy = policy(time.Hour)
	d := h.dropIn(t, info)
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "holding")
	began := time.Now()
	if err := d.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.awaitStopped(t)
	took := time.Since(began)
	t.Logf("the container took %v", took)
	if took > patience/2 {
		t.Errorf("the container ran on for %v", took)
	}
	if state := d.inspect(t).State; state.ExitCode != 0 {
		t.Errorf("the task was killed (status %d), not asked", state.ExitCode)
	}
	h.stopDaemon(t)
	h.daemon.RemoveDelay = 0
	h.start(t)
}
