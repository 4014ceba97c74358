package containerizer

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// agentsName is a container's name as agents give it.
func agentsName() string { return ours.AgentPrefix + "test-" + strings.ToLower(rand.Text()[:12]) }

// agent issues an agent's commands, each as a process of its own would.
type agent struct {
	t      *testing.T
	docker *dockercli.Docker
}

func (h *host) newAgent() *agent { return h.newAgentOf(h.server) }

func (h *host) newAgentOf(tasks dockercli.Tasks) *agent {
	h.t.Helper()
	return &agent{t: h.t, docker: h.newDocker(func(o *dockercli.Options) { o.Tasks = tasks })}
}

// newDocker is what answers an agent's docker command.
func (h *host) newDocker(change func(*dockercli.Options)) *dockercli.Docker {
	of := h.server.Options()
	o := dockercli.Options{
		Engine: h.options.Engine, Images: of.Images, Tasks: h.server, Policy: of.Policy, GPUs: of.GPUs, Parameters: parameters.NewSubprocess(),
		Logger: h.options.Logger,
	}
	change(&o)
	d := dockercli.New(o)
	h.t.Cleanup(d.Close)
	return d
}

// answer is what a command came to.
type answer struct {
	status         int
	stdout, stderr string
}

func (a *agent) command(line string) answer {
	var stdout, stderr bytes.Buffer
	status := a.docker.Answer(context.Background(), dockercli.Call{
		Arguments: strings.Fields(line), Stdin: new(bytes.Buffer), Stdout: &stdout, Stderr: &stderr,
	})
	return answer{status, stdout.String(), stderr.String()}
}

// must is command where it has to succeed.
func (a *agent) must(line string) answer {
	a.t.Helper()
	got := a.command(line)
	if got.status != 0 {
		a.t.Fatalf("docker %s: %+v", line, got)
	}
	return got
}

// trouble has what the server logs as Warn or Error found again.
func trouble(o *Options) *observer.ObservedLogs {
	core, logs := observer.New(zapcore.WarnLevel)
	o.Logger = zap.New(zapcore.NewTee(o.Logger.Core(), core))
	return logs
}

// dropIn starts an executor in the stock executor's place.
func (h *host) dropIn(name, line string) *process {
	h.t.Helper()
	return h.startProcess(dockerTask(h.t, environment.Busybox(h.t), line), wire.Attach{Route: wire.RouteDropIn, ContainerName: name})
}

// settled waits until the server has nothing more to do for any container that has ended.
func (h *host) settled() {
	h.t.Helper()
	environment.Eventually(h.t, patience, "the server to be done with the container", func() bool {
		busy := false
		h.server.removing.Range(func(any, any) bool { busy = true; return false })
		return !busy && len(h.server.Tasks()) == 0
	})
}

func TestAgentRemovesFirst(t *testing.T) {
	var logs *observer.ObservedLogs
	h := newHost(t, func(o *Options) { logs, o.RemoveDelay = trouble(o), 2*time.Second })
	agent, name := h.newAgent(), agentsName()
	p := h.dropIn(name, "exit 8")
	if exit := p.awaitExit(t); exit.Code != 8 {
		t.Errorf("%+v", exit)
	}
	agent.must("inspect --type=container " + name) // agents before 1.10, at the terminal update
	p.kill()
	if got, want := agent.must("rm -f -v "+name), (answer{0, name + "\n", ""}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := len(h.containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	h.settled()
	for _, entry := range logs.All() {
		t.Errorf("logged: %s %v", entry.Message, entry.ContextMap())
	}
}

func TestWeRemoveFirst(t *testing.T) {
	var logs *observer.ObservedLogs
	h := newHost(t, func(o *Options) { logs = trouble(o) })
	agent, name := h.newAgent(), agentsName()
	p := h.dropIn(name, "exit 8")
	p.awaitExit(t)
	p.kill()
	h.awaitNoContainers()
	// Agents write a failed rm to their log at most; after their delay they say -f, of which the lack of a container is no failure.
	if got, want := agent.command("rm -f -v "+name), (answer{0, "", "Error: No such container: " + name + "\n"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := agent.command("rm -v "+name), (answer{1, "", "Error: No such container: " + name + "\n"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	h.settled()
	for _, entry := range logs.All() {
		t.Errorf("logged: %s %v", entry.Message, entry.ContextMap())
	}
}

func TestBothRemoveAtOnce(t *testing.T) {
	var logs *observer.ObservedLogs
	h := newHost(t, func(o *Options) { logs = trouble(o) })
	agent := h.newAgent()
	for range 3 {
		name := agentsName()
		p := h.dropIn(name, "exit 8")
		p.awaitExit(t)
		p.kill()
		agent.must("rm -f -v " + name)
		h.awaitNoContainers()
		h.settled()
	}
	for _, entry := range logs.All() {
		t.Errorf("logged: %s %v", entry.Message, entry.ContextMap())
	}
}

// An agent that removes by force what its executor still runs takes it from it: the executor is told how the container ended.
func TestAgentRemovesWhileTheExecutorLives(t *testing.T) {
	h := newHost(t)
	agent, name := h.newAgent(), agentsName()
	p := h.dropIn(name, "trap '' TERM; while :; do sleep 0.1; done")
	p.awaitRunning(t)
	if got, want := agent.must("rm -f -v "+name), (answer{0, name + "\n", ""}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if exit := p.awaitExit(t); exit.Outcome != wire.OutcomeExited || exit.Code != 137 {
		t.Errorf("the executor was told %+v", exit)
	}
	if n := len(h.containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	p.kill()
	h.settled()
}

// briefly has the server keep containers for a moment instead of a minute.
type briefly struct {
	*Server
	until time.Time
}

func (b *briefly) KeepContainers(time.Time) {
	b.until = time.Now().Add(2 * time.Second)
	b.Server.KeepContainers(b.until)
}

// What an agent was told of stays, however due it is; what is not an agent's goes.
func TestListedContainersAreKept(t *testing.T) {
	h := newHost(t)
	short := &briefly{Server: h.server}
	agent, name := h.newAgentOf(short), agentsName()
	p := h.dropIn(name, "exit 8")
	p.awaitExit(t)
	other := h.dropIn("x"+name, "exit 8")
	other.awaitExit(t)
	if list := agent.must("ps -a"); !strings.Contains(list.stdout, name) {
		t.Fatalf("%+v", list)
	}
	if !h.server.hold.Holds(name) || h.server.hold.Holds("web") {
		t.Error("the server does not keep what it should")
	}
	until := short.until
	p.kill()
	other.kill()
	environment.Eventually(t, patience, "the other container to be removed", func() bool {
		return !slices.ContainsFunc(h.containers(), func(c container.Summary) bool { return slices.Contains(c.Names, "/x"+name) })
	})
	h.awaitNoContainers()
	if now := time.Now(); now.Before(until) {
		t.Errorf("removed %v too early", until.Sub(now))
	}
	if got := agent.must("inspect --type=container " + name); !strings.Contains(got.stdout, `"Name": "/`+name+`"`) {
		t.Errorf("%+v", got)
	}
}

func TestAgentStops(t *testing.T) {
	const stubborn = "trap '' TERM; touch /ready; while :; do sleep 0.1; done"
	for name, c := range map[string]struct {
		line, command string
		code          int
	}{
		"at once":         {stubborn, "stop -t 0 NAME", 137},
		"within a second": {stubborn, "stop -t 1 NAME", 137},
		"by id":           {stubborn, "stop -t 0 ID", 137},
		"asked once":      {"n=0; trap 'n=$((n+1))' TERM; touch /ready; while [ $n = 0 ]; do sleep 0.1; done; sleep 0.5; exit $n", "stop -t 60 NAME", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			agent, name := h.newAgent(), agentsName()
			p := h.dropIn(name, c.line)
			p.awaitRunning(t)
			environment.Eventually(t, patience, "the script to take signals", func() bool {
				_, err := h.docker.ContainerStatPath(t.Context(), name, "/ready")
				return err == nil
			})
			object := name
			if strings.HasSuffix(c.command, "ID") {
				object = h.containers()[0].ID
			}
			line := strings.NewReplacer("NAME", object, "ID", object).Replace(c.command)
			if got, want := agent.must(line), (answer{0, object + "\n", ""}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			if exit := p.awaitExit(t); exit.Outcome != wire.OutcomeExited || exit.Code != c.code {
				t.Errorf("the executor was told %+v", exit)
			}
			if got := agent.must("stop -t 0 " + name); got.stdout != name+"\n" {
				t.Errorf("a second time: %+v", got)
			}
			p.kill()
			h.awaitNoContainers()
		})
	}
}

// The agent's stop, at once, follows its SIGTERM to the executor, whose kill has a grace of its own: the earlier end counts.
func TestAgentStopsWhatIsBeingKilled(t *testing.T) {
	h := newHost(t)
	agent := h.newAgent()
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "trap '' TERM; while :; do sleep 0.1; done"))
	e.awaitRunning()
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
	list := h.containers()
	agent.must("stop -t 0 " + strings.TrimPrefix(list[0].Names[0], "/"))
	if exit := e.awaitExit(); exit.Code != 137 {
		t.Errorf("the executor was told %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// An Engine that does not deliver signals does not keep a task's container running.
func TestAgentStopsWhileTheEngineHangs(t *testing.T) {
	h, p := newFailingHost(t)
	agent, name := h.newAgent(), agentsName()
	executor := h.dropIn(name, "trap '' TERM; while :; do sleep 0.1; done")
	executor.awaitRunning(t)
	p.Fault(fakeengine.Hang, "POST", "/containers/.*/(kill|stop)", 1000)
	began := time.Now()
	agent.must("stop -t 0 " + name)
	if took := time.Since(began); took > ours.SignalPatience+10*time.Second {
		t.Errorf("took %v", took)
	}
	if exit := executor.awaitExit(t); exit.Outcome != wire.OutcomeExited || exit.Code != 137 {
		t.Errorf("the executor was told %+v", exit)
	}
	executor.kill()
	h.awaitNoContainers()
}

// An agent that gives up an executor which it has recovered stops the container, whether that runs or not, and waits for the executor's
// end. Without the agent's stop an executor that is stopped stays as it is.
func TestStopContinuesTheExecutor(t *testing.T) {
	for name, ends := range map[string]bool{"container runs": false, "container has ended": true} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			agent, name := h.newAgent(), agentsName()
			executor := h.dropIn(name, "while ! test -e $MESOS_SANDBOX/end; do sleep 0.05; done; exit 3")
			executor.awaitRunning(t)
			process, err := wire.FindProcess(executor.cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Kill(process.PID, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			environment.Eventually(t, patience, "the executor to be stopped", process.Stopped)
			h.server.mu.Lock()
			of := h.server.named[name]
			h.server.mu.Unlock()
			if wire.Process(of.at.record.Process) != process {
				t.Errorf("the record names the executor %+v, want %+v", of.at.record.Process, process)
			}
			want := 137
			if ends {
				want = 3
				if err := os.WriteFile(filepath.Join(h.server.Tasks()[0].Sandbox, "end"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
				environment.Eventually(t, patience, "the task to end", func() bool {
					c, err := h.docker.ContainerInspect(t.Context(), name)
					return err == nil && !c.State.Running
				})
				if !process.Stopped() {
					t.Error("the executor was continued before the agent gave it up")
				}
			}
			agent.must("stop -t 0 " + name)
			if exit := executor.awaitExit(t); exit.Code != want {
				t.Errorf("the executor was told %+v, want status %d", exit, want)
			}
			executor.kill()
			h.awaitNoContainers()
		})
	}
}

func TestStopOfWhatIsNotOurs(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"", "absent", "0123456789ab"} {
		if ours, err := h.server.StopContainer(t.Context(), name, 0); ours || err != nil {
			t.Errorf("%q: %v, %v", name, ours, err)
		}
	}
}
