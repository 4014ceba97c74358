package containerizer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = time.Minute

// executorVariable turns the test program into an executor that can be killed; see runExecutor.
const executorVariable = "CONTAINERIZER_TEST_EXECUTOR"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	if socket := os.Getenv(executorVariable); socket != "" {
		os.Exit(runExecutor(socket))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// host is one host with a server that can be stopped and started again, as upgrades and crashes do it.
type host struct {
	t       *testing.T
	docker  *client.Client // to look at the Engine past the server
	options Options
	socket  string
	stop    func()
	server  *Server
	adjust  func(*Server) // of each server before it serves; may be nil
}

// newHost starts a server on the real Engine. Nothing of it is left when the test ends.
func newHost(t *testing.T, change ...func(*Options)) *host {
	t.Helper()
	h := &host{t: t, docker: environment.Engine(t), socket: filepath.Join(t.TempDir(), "executor.sock")}
	h.options = hostOptions(t, environment.Socket(t))
	for _, c := range change {
		c(&h.options)
	}
	h.start()
	t.Cleanup(func() {
		h.stop()
		h.removeContainers()
	})
	return h
}

func hostOptions(t *testing.T, socket string) Options {
	t.Helper()
	logger := zaptest.NewLogger(t)
	figures := metrics.New("test")
	e, err := engine.New(engine.Options{Socket: socket, Observe: figures.EngineCall, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	images, err := image.New(image.Options{Engine: e, InactivityTimeout: time.Minute, Observer: figures, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Engine: e, Images: images, Parameters: parameters.NewSubprocess(),
		RunDirectory:   t.TempDir(),
		PrepareTimeout: patience, PrepareSource: "prepare_timeout",
		OrphanGrace: time.Second, KillOrphans: true,
		MappedDirectory: "/mnt/mesos/sandbox",
		LogDriver:       "local",
		Metrics:         figures,
		Logger:          logger,
	}
}

func (h *host) start() {
	h.t.Helper()
	server, err := New(h.options)
	if err != nil {
		h.t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.socket, Net: "unix"})
	if err != nil {
		h.t.Fatal(err)
	}
	server.stoppedExit = patience // an Engine on a busy host takes its time, and tests are about what it says
	if h.adjust != nil {
		h.adjust(server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	var once sync.Once
	h.server = server
	h.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-served; err != nil {
				h.t.Errorf("Serve: %v", err)
			}
		})
	}
}

func (h *host) restart() {
	h.stop()
	h.start()
}

// containers returns the server's containers, whatever their state.
func (h *host) containers() []container.Summary {
	h.t.Helper()
	list, err := h.options.Engine.List(context.Background(), engine.InstanceLabel(h.server.instance.id))
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *host) removeContainers() {
	for _, c := range h.containers() {
		h.t.Errorf("container %s (%s) was left behind", c.Names[0], c.State)
		h.docker.ContainerRemove(context.Background(), c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}
}

// awaitNoContainers waits until the server has removed all its containers.
func (h *host) awaitNoContainers() {
	h.t.Helper()
	environment.Eventually(h.t, patience, "the containers to be removed", func() bool { return len(h.containers()) == 0 })
}

// executor plays an executor over the wire.
type executor struct {
	t       *testing.T
	attach  wire.Attach
	conn    *wire.Conn
	state   wire.State
	output  *os.File
	running *wire.Running
}

// newExecutor attaches an executor named after the test.
func (h *host) newExecutor(change ...func(*wire.Attach)) *executor {
	h.t.Helper()
	e := &executor{t: h.t, attach: wire.Attach{
		Version: wire.Version, Route: wire.RouteCustom, Framework: "framework", Executor: h.t.Name(),
		Sandbox: h.t.TempDir(), StopGrace: 500 * time.Millisecond,
	}}
	for _, c := range change {
		c(&e.attach)
	}
	e.connect(h.socket)
	h.t.Cleanup(func() {
		e.conn.Close()
		if e.output != nil {
			e.output.Close()
		}
	})
	return e
}

func (e *executor) connect(socket string) {
	e.t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		e.t.Fatal(err)
	}
	e.conn = wire.NewConn(c)
	e.send(wire.Message{Attach: &e.attach})
}

// reconnect attaches again with all the executor knows.
func (e *executor) reconnect(socket string) {
	e.t.Helper()
	e.conn.Close()
	e.state.HasOutput = e.output != nil
	e.attach.State = &e.state
	e.connect(socket)
}

func (e *executor) send(m wire.Message) {
	e.t.Helper()
	if err := e.conn.Send(m, nil); err != nil {
		e.t.Fatal(err)
	}
}

func (e *executor) launch(task mesos.TaskInfo) {
	e.t.Helper()
	e.state.Launch = launchOf(e.t, task)
	e.send(wire.Message{Launch: &e.state.Launch})
}

func launchOf(t *testing.T, task mesos.TaskInfo) wire.Launch {
	t.Helper()
	encoded, err := task.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return wire.Launch{Task: task.TaskID.Value, TaskInfo: encoded}
}

// next receives one message and keeps what an executor keeps.
func (e *executor) next() wire.Message {
	e.t.Helper()
	e.conn.SetReadDeadline(time.Now().Add(patience))
	m, file, err := e.conn.Receive()
	if err != nil {
		e.t.Fatalf("no message from the daemon: %v", err)
	}
	switch {
	case m.Accepted != nil:
		e.state.PrepareDeadline = m.Accepted.PrepareDeadline
	case m.Created != nil:
		e.state.ContainerID = m.Created.ContainerID
	case m.Output != nil:
		if e.output != nil {
			e.output.Close()
		}
		e.output = file
	case m.Running != nil:
		e.state.Running, e.running = true, m.Running
	case m.Refused != nil:
		e.t.Fatalf("refused: %s", m.Refused.Reason)
	}
	return m
}

func (e *executor) awaitRunning() *wire.Running {
	e.t.Helper()
	for {
		m := e.next()
		if m.Running != nil {
			return m.Running
		}
		if m.Exited != nil {
			e.t.Fatalf("ended before it ran: %+v", m.Exited)
		}
	}
}

func (e *executor) awaitExit() *wire.Exited {
	e.t.Helper()
	for {
		if m := e.next(); m.Exited != nil {
			return m.Exited
		}
	}
}

// end kills the task, and lets the server remove the container when it has ended.
func (e *executor) end() {
	e.t.Helper()
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	e.done()
}

// done lets the server remove the container.
func (e *executor) done() {
	e.t.Helper()
	e.send(wire.Message{Done: &wire.Done{}})
}

// readOutput returns what the container wrote, to its end.
func (e *executor) readOutput() (stdout, stderr string) {
	e.t.Helper()
	stream, err := io.ReadAll(e.output)
	if err != nil {
		e.t.Fatal(err)
	}
	return split(e.t, stream)
}

// split takes a multiplexed stream apart.
func split(t *testing.T, stream []byte) (stdout, stderr string) {
	t.Helper()
	for len(stream) > 0 {
		if len(stream) < 8 {
			t.Fatalf("a header of %d bytes", len(stream))
		}
		size := int(stream[4])<<24 | int(stream[5])<<16 | int(stream[6])<<8 | int(stream[7])
		text := string(stream[8 : 8+size])
		if stream[0] == 2 {
			stderr += text
		} else {
			stdout += text
		}
		stream = stream[8+size:]
	}
	return stdout, stderr
}

// dockerTask is a task in host networking that runs a shell line.
func dockerTask(t *testing.T, imageTag, line string) mesos.TaskInfo {
	t.Helper()
	docker := mesos.ContainerInfo_DockerInfo{Image: imageTag, Network: mesos.ContainerInfo_DockerInfo_HOST.Enum()}
	return mesos.TaskInfo{
		Name: "test", TaskID: mesos.TaskID{Value: t.Name()}, AgentID: mesos.AgentID{Value: "agent"},
		Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &docker},
		Command:   &mesos.CommandInfo{Value: &line},
		Resources: []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
}

func scalar(name string, value float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
}

// process is an executor in a process of its own, to be killed.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *json.Decoder
}

// newProcess starts an executor that launches the task and prints what it receives.
func (h *host) newProcess(task mesos.TaskInfo, grace time.Duration) *process {
	h.t.Helper()
	return h.startProcess(task, wire.Attach{Route: wire.RouteCustom, StopGrace: grace})
}

// startProcess completes the attach of the executor that it starts.
func (h *host) startProcess(task mesos.TaskInfo, attach wire.Attach) *process {
	h.t.Helper()
	attach.Version, attach.Framework, attach.Executor, attach.Sandbox = wire.Version, "framework", h.t.Name(), h.t.TempDir()
	return h.execute(task, attach, func(cmd *exec.Cmd) { cmd.Stderr = os.Stderr })
}

// execute starts an executor's process, as changed, with its order.
func (h *host) execute(task mesos.TaskInfo, attach wire.Attach, change func(*exec.Cmd)) *process {
	h.t.Helper()
	order, err := json.Marshal(processOrder{Attach: attach, Launch: launchOf(h.t, task)})
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), executorVariable+"="+h.socket)
	change(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, lines: json.NewDecoder(stdout)}
	h.t.Cleanup(p.kill)
	if _, err := io.Copy(stdin, bytes.NewReader(append(order, '\n'))); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// awaitRunning waits for the task to run.
func (p *process) awaitRunning(t *testing.T) {
	t.Helper()
	for {
		var m wire.Message
		if err := p.lines.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Exited != nil {
			t.Fatalf("ended before it ran: %+v", m.Exited)
		}
		if m.Running != nil {
			return
		}
	}
}

// awaitExit waits for the task's end.
func (p *process) awaitExit(t *testing.T) *wire.Exited {
	t.Helper()
	for {
		var m wire.Message
		if err := p.lines.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Exited != nil {
			return m.Exited
		}
	}
}

// kill is kill -9.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

type processOrder struct {
	Attach wire.Attach
	Launch wire.Launch
}

// runExecutor is the other side of newProcess.
func runExecutor(socket string) int {
	var order processOrder
	if err := json.NewDecoder(os.Stdin).Decode(&order); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	conn := wire.NewConn(c)
	conn.Send(wire.Message{Attach: &order.Attach}, nil)
	conn.Send(wire.Message{Launch: &order.Launch}, nil)
	out := json.NewEncoder(os.Stdout)
	for {
		m, output, err := conn.Receive()
		if err != nil {
			break
		}
		if output != nil {
			go func() {
				_, _ = io.Copy(io.Discard, output)
				_ = conn.Send(wire.Message{Resume: &wire.Resume{Since: time.Now(), Ended: time.Now()}}, nil) // unless the server is away
			}()
		}
		out.Encode(m)
	}
	io.Copy(io.Discard, os.Stdin) // the server is away: live on
	return 0
}

// mustName fails a message that does not name what it is about.
func mustName(t *testing.T, message string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(message, w) {
			t.Errorf("message %q does not name %q", message, w)
		}
	}
}
