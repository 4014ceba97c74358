package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/agent/v0/agentdouble"
)

// dropin is one executor in the stock executor's place: started with its command line by an agent that speaks libprocess.
type dropin struct {
	*agentdouble.Agent
	h         *host
	container string // its name
	sandbox   string
	exited    chan struct{}
	process   *exec.Cmd
}

// dropIn launches a task. Variables are those that the task's environment adds to the executor's.
func (h *host) dropIn(t *testing.T, info mesos.TaskInfo, o agentdouble.Options, checkpoint bool, variables ...string) *dropin {
	t.Helper()
	killing := mesos.FrameworkInfo_Capability{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE}
	o.Framework.Capabilities = append(o.Framework.Capabilities, killing)
	a, err := agentdouble.New(o)
	if err != nil {
		t.Fatal(err)
	}
	d := &dropin{Agent: a, h: h, container: "mesos-" + newUUID(t), exited: make(chan struct{})}
	d.sandbox = filepath.Join(h.work, d.container)
	if err := os.Mkdir(d.sandbox, 0o750); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(d.sandbox, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.process = exec.Command(h.executor, "--cgroups_enable_cfs=false", "--container="+d.container, "--docker=docker",
		"--docker_socket=/var/run/docker.sock", "--help=false", "--initialize_driver_logging=true", "--launcher_dir=/usr/libexec/mesos",
		"--logbufsecs=0", "--logging_level=INFO", "--mapped_directory="+mapped, "--quiet=false", "--sandbox_directory="+d.sandbox,
		"--stop_timeout=0ns", "--socket="+h.socket)
	d.process.Args[0] = "mesos-docker-executor"
	d.process.Dir, d.process.Stdout, d.process.Stderr = d.sandbox, log, log
	d.process.Env = append(a.Environ(checkpoint, d.sandbox), variables...)
	d.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := a.Launch(info); err != nil {
		t.Fatal(err)
	}
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	var reaping sync.WaitGroup
	reaping.Go(func() { d.process.Wait(); close(d.exited) })
	t.Cleanup(func() {
		d.process.Process.Kill()
		reaping.Wait()
		a.Stop()
		if err := a.Violations(); err != nil {
			t.Errorf("the agent was told what it does not take: %v", err)
		}
		if said, _ := os.ReadFile(log.Name()); t.Failed() || bytes.Contains(said, []byte("DATA RACE")) {
			t.Errorf("stderr:\n%.4000s", said)
		}
	})
	return d
}

func newUUID(t *testing.T) string {
	t.Helper()
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(id))
}

func (d *dropin) await(t *testing.T, state mesos.TaskState) mesos.TaskStatus {
	t.Helper()
	status, err := d.Await(patiently(t), state)
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(d.sandbox, "stderr"))
		t.Fatalf("waiting for %s after %s: %v\nstderr:\n%.4000s", state, story(d.Stored()), err, said)
	}
	return status
}

// end waits for the executor's regular end, after these states. While it lived its container was there under its name.
func (d *dropin) end(t *testing.T, want string) {
	t.Helper()
	select {
	case <-d.exited:
	case <-patiently(t).Done():
		t.Fatal("the executor does not end")
	}
	if !d.process.ProcessState.Success() {
		t.Errorf("the executor ended with %v", d.process.ProcessState)
	}
	if got := states(d.Stored()); got != want {
		t.Errorf("states %s, want %s", story(d.Stored()), want)
	}
}

func (d *dropin) kill(t *testing.T, info mesos.TaskInfo) {
	t.Helper()
	if err := d.Kill(info.TaskID.Value, policy(time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestDropInFinish(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]agentdouble.Options{"current agent": {}, "agent 0.21": {Old: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			info := shell(t, "exit 3")
			// What a task may put into its executor's environment, and what an agent's administrator must not suffer from.
			d := h.dropIn(t, info, o, true, "LIBPROCESS_PORT=$PORT0", "LIBPROCESS_ADVERTISE_IP=$HOST", "PATH=/evil", "MESOS_DIRECTORY=/evil",
				"DOCKER_HOST=tcp://192.0.2.1:1", "GOMAXPROCS=64", "GODEBUG=gctrace=1", "HTTP_PROXY=http://192.0.2.1:1")
			running := d.await(t, mesos.TASK_RUNNING)
			if got := inspected(t, running).Name; got != "/"+d.container {
				t.Errorf("the container is %s, want %s", got, d.container)
			}
			wantMessage(t, d.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, "Container exited with status 3")
			d.end(t, "STARTING RUNNING FAILED")
			if d.Repeated() != 0 {
				t.Error("an update was sent twice")
			}
		})
	}
}

// A restarted agent, on another port, finds its task as it was, and what happened meanwhile is told.
func TestDropInAgentRestart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := probe(t, "hold")
	d := h.dropIn(t, info, agentdouble.Options{}, true)
	running := d.await(t, mesos.TASK_RUNNING)
	for range 3 {
		d.Stop()
		began := time.Now()
		if err := d.Start(true); err != nil {
			t.Fatal(err)
		}
		seen := len(d.Received())
		if err := d.Reconnect(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "re-registration", func() bool { return len(d.Received()) > seen })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("re-registration took %v, the agent's window is 2 s", took)
		}
	}
	// The task ends while the agent is away.
	d.Stop()
	id := inspected(t, running).ID
	if err := h.docker.ContainerKill(t.Context(), id, "TERM"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the container", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), id)
		return err == nil && !c.State.Running
	})
	if err := d.Start(true); err != nil {
		t.Fatal(err)
	}
	if err := d.Reconnect(); err != nil {
		t.Fatal(err)
	}
	d.await(t, mesos.TASK_FINISHED)
	d.end(t, "STARTING RUNNING FINISHED")
}

func TestDropInKillAndShutdown(t *testing.T) {
	t.Parallel()
	t.Run("kill", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		info := probe(t, "hold", "-term", "ignore")
		d := h.dropIn(t, info, agentdouble.Options{}, true)
		d.await(t, mesos.TASK_RUNNING)
		d.kill(t, info)
		d.await(t, mesos.TASK_KILLED)
		d.end(t, "STARTING RUNNING KILLING KILLED")
	})
	t.Run("shutdown", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		d := h.dropIn(t, probe(t, "hold"), agentdouble.Options{}, true)
		d.await(t, mesos.TASK_RUNNING)
		if err := d.Shutdown(false); err != nil {
			t.Fatal(err)
		}
		d.await(t, mesos.TASK_KILLED)
		d.end(t, "STARTING RUNNING KILLING KILLED")
	})
	t.Run("agent gone without checkpoint", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		d := h.dropIn(t, probe(t, "hold"), agentdouble.Options{}, false)
		id := inspected(t, d.await(t, mesos.TASK_RUNNING)).ID
		d.Stop()
		eventually(t, "the end of the container", func() bool {
			c, err := h.docker.ContainerInspect(t.Context(), id)
			return err != nil || !c.State.Running
		})
		select {
		case <-d.exited:
		case <-patiently(t).Done():
			t.Error("the executor does not end")
		}
	})
}

// An agent's destroy: SIGTERM to the executor and docker stop of the container at once; the executor ends in bounded time.
func TestDropInDestroy(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.dropIn(t, probe(t, "hold", "-term", "ignore"), agentdouble.Options{}, true)
	d.await(t, mesos.TASK_RUNNING)
	began := time.Now()
	if err := d.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	now := 0
	if err := h.docker.ContainerStop(context.Background(), d.container, container.StopOptions{Timeout: &now}); err != nil {
		t.Fatal(err)
	}
	d.await(t, mesos.TASK_KILLED)
	d.end(t, "STARTING RUNNING KILLING KILLED")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// An executor that is killed takes its container with it, at once.
func TestDropInExecutorKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.dropIn(t, probe(t, "hold"), agentdouble.Options{}, true)
	id := inspected(t, d.await(t, mesos.TASK_RUNNING)).ID
	if err := d.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the container", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), id)
		return err != nil || !c.State.Running
	})
}
