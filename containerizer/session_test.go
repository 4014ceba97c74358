package containerizer

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

func TestTaskFromLaunchToRemoval(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "echo out; echo err >&2; exit 7"))
	running := e.awaitRunning()
	var inspect struct {
		ID   string `json:"Id"`
		Name string
	}
	if err := json.Unmarshal(running.Inspect, &inspect); err != nil || inspect.ID != e.state.ContainerID {
		t.Errorf("inspect is of %q, not of %q: %v", inspect.ID, e.state.ContainerID, err)
	}
	if !strings.HasPrefix(inspect.Name, "/mdc-") {
		t.Errorf("name %q", inspect.Name)
	}
	exit := e.awaitExit()
	if exit.Outcome != wire.OutcomeExited || exit.Code != 7 || exit.OOM {
		t.Errorf("exit %+v", exit)
	}
	if stdout, stderr := e.readOutput(); stdout != "out\n" || stderr != "err\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	if len(h.containers()) != 1 {
		t.Error("the container was removed before its executor was done")
	}
	e.done()
	h.awaitNoContainers()
}

// Output that is written in the first instant and in bulk arrives whole.
func TestNoByteOfOutputIsLost(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "seq 1 20000; seq 1 20000 >&2"))
	e.awaitRunning()
	stdout, stderr := e.readOutput()
	for name, text := range map[string]string{"stdout": stdout, "stderr": stderr} {
		if n := strings.Count(text, "\n"); n != 20000 || !strings.HasSuffix(text, "\n20000\n") {
			t.Errorf("%s has %d lines", name, n)
		}
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}

func TestKill(t *testing.T) {
	const obedient = `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`
	const deaf = `trap '' TERM; echo ready; while :; do sleep 0.05; done`
	for name, test := range map[string]struct {
		line  string
		grace []time.Duration // of one kill after the other
		code  int
		after time.Duration // at the earliest
		until time.Duration // at the latest
	}{
		"stop signal is enough":       {obedient, []time.Duration{time.Hour}, 0, 0, 20 * time.Second},
		"SIGKILL at the deadline":     {deaf, []time.Duration{time.Second}, 137, time.Second, 20 * time.Second},
		"no grace":                    {deaf, []time.Duration{0}, 137, 0, 20 * time.Second},
		"a later kill shortens grace": {deaf, []time.Duration{time.Hour, 0}, 137, 0, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), test.line))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			began := time.Now()
			for _, grace := range test.grace {
				e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(grace)}})
			}
			exit := e.awaitExit()
			if took := time.Since(began); exit.Code != test.code || took < test.after || took > test.until {
				t.Errorf("exit %+v after %v", exit, took)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// awaitText reads output frames up to and including one.
func awaitText(t *testing.T, e *executor, want string) {
	t.Helper()
	e.output.SetReadDeadline(time.Now().Add(patience))
	defer e.output.SetReadDeadline(time.Time{})
	frame := make([]byte, 8+len(want))
	for got := 0; got < len(frame); {
		n, err := e.output.Read(frame[got:])
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if string(frame[8:]) != want {
		t.Fatalf("output %q, want %q", frame[8:], want)
	}
}

// Asking a registry that never answers is the longest wait there is; a kill ends it at once.
func TestKillWhilePulling(t *testing.T) {
	registry := silentRegistry(t)
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, registry+"/app:1", "true"))
	for e.next().Accepted == nil {
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
	exit := e.awaitExit()
	if exit.Outcome != wire.OutcomeFailed {
		t.Errorf("exit %+v", exit)
	}
	mustName(t, exit.Message, "killed before it was started")
	e.done()
}

// silentRegistry accepts connections and says nothing on them.
func silentRegistry(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		var held []net.Conn
		for {
			c, err := listener.Accept()
			if err != nil {
				break
			}
			held = append(held, c)
		}
		for _, c := range held {
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-accepted })
	return listener.Addr().String()
}

func TestPrepareTimeoutSaysHowFarItGot(t *testing.T) {
	registry := silentRegistry(t)
	h := newHost(t, func(o *Options) {
		o.PrepareTimeout, o.PrepareSource = time.Second, "executor_registration_timeout in a file"
	})
	e := h.newExecutor()
	e.launch(dockerTask(t, registry+"/app:1", "true"))
	exit := e.awaitExit()
	mustName(t, exit.Message, "1s", "executor_registration_timeout in a file", "pulling "+registry+"/app:1")
	e.done()
}

func TestTasksThatCannotRun(t *testing.T) {
	busybox := environment.Busybox(t)
	taken, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := uint32(taken.Addr().(*net.TCPAddr).Port)

	for name, test := range map[string]struct {
		change func(*mesos.TaskInfo)
		fault  wire.Fault
		words  []string
	}{
		"no container":   {func(i *mesos.TaskInfo) { i.Container = nil }, wire.FaultTask, []string{"container"}},
		"type MESOS":     {func(i *mesos.TaskInfo) { i.Container.Type = mesos.ContainerInfo_MESOS.Enum() }, wire.FaultTask, []string{"MESOS"}},
		"no docker info": {func(i *mesos.TaskInfo) { i.Container.Docker = nil }, wire.FaultTask, []string{"No docker info found in container info"}},
		"no image":       {func(i *mesos.TaskInfo) { i.Container.Docker.Image = "" }, wire.FaultTask, []string{"image"}},
		"bad image":      {func(i *mesos.TaskInfo) { i.Container.Docker.Image = "UPPER//case" }, wire.FaultTask, []string{"UPPER//case"}},
		"absent image": {func(i *mesos.TaskInfo) { i.Container.Docker.Image = "127.0.0.1:1/nowhere:1" }, wire.FaultHost,
			[]string{"127.0.0.1:1/nowhere:1"}},
		"unknown parameter": {func(i *mesos.TaskInfo) {
			i.Container.Docker.Parameters = []mesos.Parameter{{Key: "lxc-conf", Value: "..."}}
		}, wire.FaultTask, []string{"Failed to create docker run options: ", "lxc-conf"}},
		"missing program": {func(i *mesos.TaskInfo) {
			i.Command = &mesos.CommandInfo{Shell: new(false), Value: new("/no/such/program")}
		}, wire.FaultTask, []string{"/no/such/program"}},
		"host port taken": {func(i *mesos.TaskInfo) {
			i.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
			i.Container.Docker.PortMappings = []mesos.ContainerInfo_DockerInfo_PortMapping{{HostPort: port, ContainerPort: 80}}
			i.Resources = append(i.Resources, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(),
				Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: uint64(port), End: uint64(port)}}}})
		}, wire.FaultHost, []string{fmt.Sprint(port)}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			task := dockerTask(t, busybox, "true")
			test.change(&task)
			e.launch(task)
			exit := e.awaitExit()
			if exit.Outcome != wire.OutcomeFailed || exit.Fault != test.fault {
				t.Errorf("exit %+v", exit)
			}
			mustName(t, exit.Message, test.words...)
			e.done()
			h.awaitNoContainers()
		})
	}
}

// An option that the Engine would ignore, being too old for it, fails the task in docker's words.
func TestOptionOfNewerEngines(t *testing.T) {
	h := newHost(t)
	info, err := h.options.Engine.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := h.newExecutor()
	task := dockerTask(t, environment.Busybox(t), "true")
	task.Container.Docker.Parameters = []mesos.Parameter{{Key: "annotation", Value: "a=b"}}
	e.launch(task)
	exit := e.awaitExit()
	if versions.LessThan(info.APIVersion, "1.43") {
		mustName(t, exit.Message, "annotation", "requires API version 1.43")
	} else if exit.Outcome != wire.OutcomeExited {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

func TestSandboxMissing(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	other := *e
	other.attach.Executor, other.attach.Sandbox = t.Name()+"-2", "/no/such/sandbox"
	other.connect(h.socket)
	defer other.conn.Close()
	other.launch(dockerTask(t, environment.Busybox(t), "true"))
	exit := other.awaitExit()
	mustName(t, exit.Message, "/no/such/sandbox")
	other.done()
}

func TestDockerIsNotEnabled(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Refusal = "docker is not in containerizers (/etc/mesos-slave/containerizers)" })
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "true"))
	mustName(t, e.awaitExit().Message, "/etc/mesos-slave/containerizers")
	e.done()
}

// What a task's definition holds arrives unchanged, however large and odd.
func TestOddEnvironment(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	task := dockerTask(t, environment.Busybox(t), `printf %s "$ODD"`)
	odd := "a=b\nc='d' \"e\" $f \\ é"
	task.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "ODD", Value: &odd}}}
	task.Data = make([]byte, 5<<20)
	e.launch(task)
	e.awaitRunning()
	if stdout, _ := e.readOutput(); stdout != odd {
		t.Errorf("the container sees %q, want %q", stdout, odd)
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}

// A container that an admin removes leaves its task without an end that anybody could tell.
func TestContainerRemovedBehindOurBack(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	h.docker.ContainerRemove(context.Background(), e.state.ContainerID, container.RemoveOptions{Force: true})
	exit := e.awaitExit()
	// The Engine reports the exit before it forgets the container; which of the two we see first is its own affair.
	if exit.Outcome == wire.OutcomeFailed {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}
