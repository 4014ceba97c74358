package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// realDaemon is the built one, which a test kills and starts again. The tests below are about what a run survives.
type realDaemon struct {
	t            *testing.T
	runDirectory string
	engine       string
	process      *exec.Cmd
}

// daemonProgram is built once, and only for the tests that need it.
var daemonProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(program), "mesos-docker-containerizer")
	output, err := exec.Command("go", "build", "-o", path, "../mesos-docker-containerizer").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the daemon: %w: %s", err, output)
	}
	return path, err
})

func startReal(t *testing.T, engine string) *realDaemon {
	t.Helper()
	d := &realDaemon{t: t, runDirectory: t.TempDir(), engine: engine}
	d.start()
	t.Cleanup(func() { d.end(syscall.SIGKILL) })
	return d
}

func (d *realDaemon) start() {
	d.t.Helper()
	path, err := daemonProgram()
	if err != nil {
		d.t.Fatal(err)
	}
	d.process = exec.Command(path, "serve", "--run_dir="+d.runDirectory, "--socket="+filepath.Join(d.runDirectory, "executor.sock"), "--docker_socket="+d.engine)
	if testing.Verbose() {
		d.process.Stderr = os.Stderr
	}
	if err := d.process.Start(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *realDaemon) end(signal syscall.Signal) {
	_ = d.process.Process.Signal(signal)
	_ = d.process.Wait() // of a process that was told to end
}

func (d *realDaemon) restart(signal syscall.Signal) {
	d.t.Helper()
	d.end(signal)
	d.start()
}

// runTest is a client whose container goes on while its daemon does not.
type runTest struct {
	*realDaemon
	name           string
	client         *exec.Cmd
	stdout, stderr syncBuffer
	ended          chan struct{}
}

// syncBuffer may be read while it grows.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// run starts an executor's container as an agent does.
func (d *realDaemon) run(script string) *runTest {
	d.t.Helper()
	r := &runTest{realDaemon: d, name: "mesos-survive-" + strings.ToLower(rand.Text()[:12]), ended: make(chan struct{})}
	api := environment.Engine(d.t)
	d.t.Cleanup(func() {
		err := api.ContainerRemove(context.Background(), r.name, container.RemoveOptions{Force: true})
		if err != nil && !errdefs.IsNotFound(err) {
			d.t.Error(err)
		}
	})
	r.client = docker(d.t, d.runDirectory, "run", "--net", "none", "--name", r.name, environment.Busybox(d.t), "/bin/sh", "-c", script)
	r.client.Stdout, r.client.Stderr = &r.stdout, &r.stderr
	if err := r.client.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.client.Wait() // how it ended is in its state
	}()
	return r
}

// await waits for what must come.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(limit); !condition(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not come", what)
		}
	}
}

func (r *runTest) state() string {
	c, err := environment.Engine(r.t).ContainerInspect(r.t.Context(), r.name)
	if err != nil {
		return "absent"
	}
	return c.State.Status
}

func (r *runTest) awaitState(want string) {
	r.t.Helper()
	await(r.t, "a container that is "+want, func() bool { return r.state() == want })
}

// wantEnd waits for the client's end.
func (r *runTest) wantEnd(status int, stdout string) {
	r.t.Helper()
	<-r.ended
	if got := r.client.ProcessState.ExitCode(); got != status || r.stdout.String() != stdout || r.stderr.String() != "" {
		r.t.Errorf("status %d, want %d; stdout %q, want %q; stderr %q", got, status, r.stdout.String(), stdout, r.stderr.String())
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i+1)
	}
	return b.String()
}

const counting = `i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.05; done; exit 7`

// TestRunSurvivesItsDaemon: killed or told to end while a container writes, not one byte is missing, and none comes twice.
func TestRunSurvivesItsDaemon(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			r := startReal(t, environment.Socket(t)).run(counting)
			await(t, "output", func() bool { return r.stdout.String() != "" })
			r.restart(signal)
			r.restart(signal) // before or after the client is back
			r.wantEnd(7, numbered(60))
		})
	}
}

// TestRunWhoseContainerEndsWhileTheDaemonIsAway has its output and its status.
func TestRunWhoseContainerEndsWhileTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	r := startReal(t, environment.Socket(t)).run(counting)
	await(t, "output", func() bool { return r.stdout.String() != "" })
	r.end(syscall.SIGKILL)
	r.awaitState("exited")
	r.start()
	r.wantEnd(7, numbered(60))
}

// TestSignalWhileTheDaemonIsAway reaches the container when the daemon is back, and once.
func TestSignalWhileTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	r := startReal(t, environment.Socket(t)).run(`trap "echo caught; sleep 1; exit 5" TERM; echo ready; while :; do sleep 0.1; done`)
	await(t, "output", func() bool { return r.stdout.String() == "ready\n" })
	r.end(syscall.SIGKILL)
	if err := r.client.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.wantEnd(5, "ready\ncaught\n")
}

// TestRunWhoseContainerIsRemovedWhileTheDaemonIsAway ends, and says why.
func TestRunWhoseContainerIsRemovedWhileTheDaemonIsAway(t *testing.T) {
	r := startReal(t, environment.Socket(t)).run("echo ready; sleep 1000")
	await(t, "output", func() bool { return r.stdout.String() != "" })
	r.end(syscall.SIGKILL)
	if err := environment.Engine(t).ContainerRemove(t.Context(), r.name, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	r.start()
	<-r.ended
	if status := r.client.ProcessState.ExitCode(); status != statusUsage || !strings.Contains(r.stderr.String(), "was removed while the daemon was away") {
		t.Errorf("status %d, %q", status, r.stderr.String())
	}
}

// TestDaemonDiesWhileItPreparesARun: one container comes of it, and it runs once.
func TestDaemonDiesWhileItPreparesARun(t *testing.T) {
	for name, c := range map[string]struct {
		kind fakeengine.Kind
		path string
	}{
		"create is on its way":   {fakeengine.Hang, `/containers/create`},
		"attach is on its way":   {fakeengine.Hang, `/containers/.*/attach`},
		"start is on its way":    {fakeengine.Hang, `/containers/.*/start`},
		"the answer of a create": {fakeengine.LoseAnswer, `/containers/create`},
		"the answer of a start":  {fakeengine.LoseAnswer, `/containers/.*/start`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := fakeengine.New(t, environment.Socket(t))
			proxy.Fault(c.kind, "POST", c.path, 1)
			d := startReal(t, proxy.Socket)
			r := d.run("echo once; sleep 1; exit 7")
			await(t, "the request", func() bool { return proxy.Count("POST", c.path) > 0 })
			d.restart(syscall.SIGKILL)
			proxy.Release() // what was on its way arrives now, and may be too late
			r.wantEnd(7, "once\n")
		})
	}
}

// TestSignalBeforeTheContainerRunsWhileTheDaemonIsAway ends the run as it would have without the restart, and leaves nothing to run.
func TestSignalBeforeTheContainerRunsWhileTheDaemonIsAway(t *testing.T) {
	proxy := fakeengine.New(t, environment.Socket(t))
	proxy.Fault(fakeengine.Hang, "POST", `/containers/.*/attach`, 1000)
	d := startReal(t, proxy.Socket)
	r := d.run("echo ran")
	await(t, "the request", func() bool { return proxy.Count("POST", `/containers/.*/attach`) > 0 })
	d.end(syscall.SIGKILL)
	if err := r.client.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.start()
	r.wantEnd(128+int(syscall.SIGTERM), "")
	if state := r.state(); state != "absent" {
		t.Errorf("the container is %s", state)
	}
}

// cutter is an Engine that goes away with every connection, streams too, while containers run on.
type cutter struct {
	t              *testing.T
	socket, engine string
	listener       net.Listener
	group          sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func (c *cutter) back() {
	listener, err := net.Listen("unix", c.socket)
	if err != nil {
		c.t.Fatal(err)
	}
	c.listener = listener
	c.group.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", c.engine)
			if err != nil {
				from.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, from, to)
			c.mu.Unlock()
			for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
				c.group.Go(func() {
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].(*net.UnixConn).CloseWrite()
				})
			}
		}
	})
}

func (c *cutter) away() {
	c.listener.Close()
	c.mu.Lock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
	c.mu.Unlock()
	c.group.Wait()
}

// TestEngineRestartsWhileTheDaemonIsAway: the output goes on from the Engine's log. Nothing is missing, and what comes twice is of
// the last seconds before.
func TestEngineRestartsWhileTheDaemonIsAway(t *testing.T) {
	for _, daemonToo := range []bool{false, true} {
		t.Run(fmt.Sprint(daemonToo), func(t *testing.T) {
			t.Parallel()
			proxy := &cutter{t: t, socket: filepath.Join(t.TempDir(), "engine.sock"), engine: environment.Socket(t)}
			proxy.back()
			t.Cleanup(proxy.away)
			d := startReal(t, proxy.socket)
			r := d.run(`i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.1; done; exit 7`)
			await(t, "output", func() bool { return strings.Contains(r.stdout.String(), "10\n") })
			if daemonToo {
				d.end(syscall.SIGKILL)
			}
			proxy.away()
			proxy.back()
			if daemonToo {
				d.start()
			}
			<-r.ended
			lines := strings.Fields(r.stdout.String())
			distinct := slices.Clone(lines)
			slices.SortFunc(distinct, func(a, b string) int { return 100*(len(a)-len(b)) + strings.Compare(a, b) })
			distinct = slices.Compact(distinct)
			if got := strings.Join(distinct, "\n") + "\n"; got != numbered(60) || r.client.ProcessState.ExitCode() != 7 {
				t.Errorf("status %d, %d lines: %s; %s", r.client.ProcessState.ExitCode(), len(distinct), got, r.stderr.String())
			}
			// Those of two seconds, and some, for the stream did break.
			if again := len(lines) - len(distinct); again == 0 || again > 40 {
				t.Errorf("%d lines come twice", again)
			}
		})
	}
}
