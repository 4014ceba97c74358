package containerizer

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/health"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// healthCommand is a health check that runs a line of shell, soon and often.
func healthCommand(line string) *mesos.HealthCheck {
	return &mesos.HealthCheck{
		Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{Value: &line},
		DelaySeconds: new(float64(0)), IntervalSeconds: new(0.1),
	}
}

func checkCommand(line string) *mesos.CheckInfo {
	return &mesos.CheckInfo{
		Type: mesos.CheckInfo_COMMAND, Command: &mesos.CheckInfo_Command{Command: mesos.CommandInfo{Value: &line}},
		DelaySeconds: new(float64(0)), IntervalSeconds: new(0.1),
	}
}

func TestProbesOf(t *testing.T) {
	task := dockerTask(t, "i", "true")
	if wanted, warnings := probesOf(&task); wanted != (probes{}) || len(warnings) != 0 {
		t.Errorf("of a task without checks: %+v, %q", wanted, warnings)
	}
	task.HealthCheck, task.Check = healthCommand("true"), checkCommand("false")
	if wanted, warnings := probesOf(&task); wanted.health == nil || wanted.check == nil || len(warnings) != 0 {
		t.Errorf("of a task with both: %+v, %q", wanted, warnings)
	}
	task.HealthCheck.IntervalSeconds = new(float64(-1))
	wanted, warnings := probesOf(&task)
	if wanted.health != nil || wanted.check == nil || len(warnings) != 1 {
		t.Fatalf("with an interval of less than nothing: %+v, %q", wanted, warnings)
	}
	mustName(t, warnings[0], "runs without", "interval_seconds")
	task.Check.Type = mesos.CheckInfo_UNKNOWN
	if wanted, warnings := probesOf(&task); wanted != (probes{}) || len(warnings) != 2 {
		t.Errorf("with two bad checks: %+v, %q", wanted, warnings)
	}
}

func TestCheckOf(t *testing.T) {
	for name, test := range map[string]struct {
		kind   health.Kind
		result health.Result
		want   wire.Check
	}{
		"command":      {health.Command, health.Result{Ran: true, ExitCode: new(3), Message: "m"}, wire.Check{ExitCode: new(int32(3))}},
		"HTTP":         {health.HTTP, health.Result{Ran: true, StatusCode: new(503), Message: "m"}, wire.Check{StatusCode: new(uint32(503))}},
		"TCP, closed":  {health.TCP, health.Result{Ran: true, Message: "refused"}, wire.Check{Succeeded: new(false)}},
		"TCP, open":    {health.TCP, health.Result{Ran: true, Succeeded: true}, wire.Check{Succeeded: new(true)}},
		"timed out":    {health.TCP, health.Result{Message: "timed out"}, wire.Check{Message: "timed out"}},
		"no answer":    {health.HTTP, health.Result{Ran: true, Message: "refused"}, wire.Check{Message: "refused"}},
		"no exit code": {health.Command, health.Result{Ran: true, Message: "m"}, wire.Check{Message: "m"}},
	} {
		if diff := cmp.Diff(test.want, checkOf(test.kind, test.result)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// probing is the call that begins a command's probe.
const probing = `/containers/[^/]*/exec`

// exec runs a line of shell in a container, past the server.
func (h *host) exec(id, line string) {
	h.t.Helper()
	ctx := context.Background()
	exec, err := h.docker.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: []string{"sh", "-c", line}})
	if err == nil {
		err = h.docker.ContainerExecStart(ctx, exec.ID, container.ExecStartOptions{})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (e *executor) awaitHealth(healthy bool) *wire.Health {
	e.t.Helper()
	for {
		m := e.next()
		if m.Health != nil && m.Health.Healthy == healthy {
			return m.Health
		}
		if m.Exited != nil {
			e.t.Fatalf("ended before its health was %v: %+v", healthy, m.Exited)
		}
	}
}

// awaitResults returns the first result of each check.
func (e *executor) awaitResults() (health *wire.Health, check *wire.Check) {
	e.t.Helper()
	for health == nil || check == nil {
		m := e.next()
		if health == nil {
			health = m.Health
		}
		if check == nil {
			check = m.Check
		}
	}
	return health, check
}

// connected returns the two ends of a conversation.
func connected(t *testing.T) (daemon, executor *wire.Conn) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.DialUnix("unix", nil, listener.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	daemon, executor = wire.NewConn(accepted), wire.NewConn(dialled)
	t.Cleanup(func() {
		daemon.Close()
		executor.Close()
	})
	return daemon, executor
}

// What a probe finds is told once for as long as it stays so, but for failures of the health check, each of which counts, and
// anew to an executor that has a new connection.
func TestResultsAreToldOnce(t *testing.T) {
	here, there := connected(t)
	s := &session{logger: zap.NewNop()}
	first := s.conn.setConn(here)
	var health, check lastSent
	result := func(healthy bool) wire.Message { return wire.Message{Health: &wire.Health{Healthy: healthy}} }
	seven := func() wire.Message { return wire.Message{Check: &wire.Check{ExitCode: new(int32(7))}} }
	var telling sync.WaitGroup
	telling.Go(first.write)
	telling.Go(func() {
		for range 3 {
			s.tell(result(true), &health)
			s.tell(seven(), &check)
		}
		s.tell(result(false), &health)
		s.tell(result(false), &health)
		s.tell(wire.Message{Check: &wire.Check{ExitCode: new(int32(8))}}, &check)
		s.tell(seven(), &check)
		s.tell(result(true), &health)
		s.conn.end(first)
	})
	want := []wire.Message{result(true), seven(), result(false), result(false), {Check: &wire.Check{ExitCode: new(int32(8))}}, seven(), result(true)}
	var got []wire.Message
	for range want {
		m, _, err := there.Receive()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on one connection (-want +got):\n%s", diff)
	}

	telling.Wait()
	here, there = connected(t)
	second := s.conn.setConn(here)
	telling.Go(second.write)
	defer telling.Wait()
	defer s.conn.end(second)
	s.tell(result(true), &health)
	if m, _, err := there.Receive(); err != nil || m.Health == nil || !m.Health.Healthy {
		t.Errorf("on the next connection: %+v, %v", m, err)
	}
}

// Both checks of a task are carried out, through a restart of the daemon too, and no more once it is being stopped.
func TestProbing(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	task := dockerTask(t, environment.Busybox(t), `trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done`)
	task.HealthCheck = healthCommand(`test -e /well || { echo not well; exit 1; }`)
	task.Check = checkCommand("exit 7")
	e.launch(task)
	e.awaitRunning()
	ill, check := e.awaitResults()
	mustName(t, ill.Message, "status 1", "not well")
	if diff := cmp.Diff(&wire.Check{ExitCode: new(int32(7))}, check); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
	h.exec(e.state.ContainerID, "touch /well")
	e.awaitHealth(true)

	h.restart()
	e.reconnect(h.socket)
	e.awaitRunning()
	e.awaitHealth(true)

	h.exec(e.state.ContainerID, "rm /well")
	e.awaitHealth(false)
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(patience)}})
	environment.Eventually(t, patience, "the kill", func() bool { return p.Count(http.MethodPost, `/containers/[^/]*/kill`) > 0 })
	before := p.Count(http.MethodPost, probing)
	h.stop() // and the next daemon does not take them up
	e.state.Kill = &wire.Kill{Deadline: time.Now().Add(patience)}
	h.start()
	e.reconnect(h.socket)
	e.awaitExit()
	if after := p.Count(http.MethodPost, probing); after > before {
		t.Errorf("%d probes were begun after the kill", after-before)
	}
	e.done()
	h.awaitNoContainers()
}

// A failed probe counts only if it tells of the task: not if the Engine could not carry it out, nor if the container is paused or has
// ended.
func TestFailuresThatAreNotTheTasks(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	h.server.mu.Lock()
	s := h.server.sessions[sessionKey(&e.attach, peer{Process: self(t), uid: uint32(os.Geteuid())})]
	h.server.mu.Unlock()
	losses := h.server.watch.lost()
	blames := func(kind health.Kind, ran bool) bool {
		return s.blames(t.Context(), e.state.ContainerID, kind, health.Result{Ran: ran}, losses)
	}
	if !blames(health.Command, false) || !blames(health.Command, true) || !blames(health.HTTP, false) {
		t.Error("a failure does not count although all is well")
	}
	if err := h.docker.ContainerPause(t.Context(), e.state.ContainerID); err != nil {
		t.Fatal(err)
	}
	if blames(health.Command, false) || blames(health.Command, true) || blames(health.HTTP, false) {
		t.Error("a failure counts although the container is paused")
	}
	if err := h.docker.ContainerUnpause(t.Context(), e.state.ContainerID); err != nil {
		t.Fatal(err)
	}
	notTheEngines := func(when string) {
		t.Helper()
		if blames(health.Command, false) {
			t.Errorf("a command counts that the Engine, %s, could not run", when)
		}
		if !blames(health.Command, true) || !blames(health.TCP, true) || !blames(health.TCP, false) {
			t.Errorf("a failure does not count for which the Engine, %s, was not needed", when)
		}
	}
	p.Away()
	notTheEngines("which is away")
	p.Back()
	environment.Eventually(t, patience, "the Engine to be back", func() bool { return h.server.watch.lost() > losses && h.server.watch.away() == nil })
	notTheEngines("which was away")
	if losses = h.server.watch.lost(); !blames(health.Command, false) {
		t.Error("a failure does not count since the Engine is back")
	}
	before, socket := losses, p.Socket+".away"
	if err := os.Rename(p.Socket, socket); err != nil { // what an Engine that ends does first
		t.Fatal(err)
	}
	notTheEngines("which does not listen any more")
	if err := os.Rename(socket, p.Socket); err != nil {
		t.Fatal(err)
	}
	if after := h.server.watch.lost(); after != before {
		t.Errorf("the Engine was lost %d times meanwhile", after-before)
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	if blames(health.HTTP, false) || blames(health.Command, true) {
		t.Error("a failure counts although the container has ended")
	}
	e.done()
	h.awaitNoContainers()
	if blames(health.HTTP, false) {
		t.Error("a failure counts although the container is gone")
	}
}

func self(t *testing.T) wire.Process {
	t.Helper()
	p, err := wire.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
