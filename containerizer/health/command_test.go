package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

func TestCommand(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	probe := func(spec Spec) Result { return newProber(spec, target).probe(t.Context()) }
	for text, want := range map[string]struct {
		status  int
		message string
	}{
		"exit 0":                             {0, "Command exited with status 0"},
		"echo fine":                          {0, "Command exited with status 0"},
		"exit 3":                             {3, "Command exited with status 3"},
		"echo 'a  b' >&2; echo c >&2; false": {1, "Command exited with status 1: a  b c"},
		`test "$OF_THE_TASK" = yes`:          {0, "Command exited with status 0"},
		"kill -9 $$":                         {137, "Command exited with status 137"},
	} {
		got := probe(script(text, patience))
		if !got.Ran || got.ExitCode == nil || *got.ExitCode != want.status || got.Succeeded != (want.status == 0) || got.Message != want.message {
			t.Errorf("%s: %+v", text, got)
		}
	}
	spec := Spec{Kind: Command, Timeout: patience, Command: CommandSpec{
		Argv: []string{"test", "a 'b' \"c\" $d", "=", "a 'b' \"c\" $d"},
	}}
	if got := probe(spec); !got.Succeeded {
		t.Errorf("quoted arguments: %+v", got)
	}
	spec.Command = CommandSpec{Argv: []string{"sh", "-c", `test "$ADDED/$OF_THE_TASK" = "a=b c/no"`}, Env: []string{"ADDED=a=b c", "OF_THE_TASK=no"}}
	if got := probe(spec); !got.Succeeded {
		t.Errorf("environment: %+v", got)
	}
	spec.Command = CommandSpec{Argv: []string{"/absent"}}
	if got := probe(spec); got.Succeeded || !strings.Contains(got.Message, "/absent") {
		t.Errorf("program that is absent: %+v", got)
	}
	if got := probe(script("head -c 1000000 /dev/zero | tr '\\0' x; echo the end; false", patience)); len(got.Message) > longestQuote+100 || !strings.HasSuffix(got.Message, "xxxthe end") {
		t.Errorf("much output: %d bytes, %+v", len(got.Message), got)
	}
	target.Engine = nil
	if got := probe(script("true", patience)); got.Ran || got.Succeeded {
		t.Errorf("without an Engine: %+v", got)
	}
}

// The command is not believed to have succeeded because the Engine does not know its exit status yet.
func TestCommandThatClosesItsOutput(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	got := newProber(script("exec >&- 2>&-; sleep 0.3; exit 5", patience), target).probe(t.Context())
	if !got.Ran || got.ExitCode == nil || *got.ExitCode != 5 {
		t.Errorf("%+v", got)
	}
}

// children returns the processes of the container other than its first, as the host sees them.
func children(t *testing.T, target Target) (command []string) {
	t.Helper()
	processes, err := environment.Engine(t).ContainerTop(t.Context(), target.ContainerID, []string{"-eo", "pid,args"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes.Processes {
		if pid, err := strconv.Atoi(strings.TrimSpace(p[0])); err != nil || pid != target.PID {
			command = append(command, strings.Join(p, " "))
		}
	}
	return command
}

func TestCommandTimeoutLeavesNothing(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	for name, text := range map[string]string{
		"children":       "sleep 4000 & sleep 4000; true",
		"orphans":        "(sh -c 'sleep 4000 & sleep 4000 &'); sleep 4000",
		"its own end":    "sleep 4000 &",
		"deaf":           "trap '' TERM INT HUP; while :; do sleep 1; done",
		"fertile":        "f() { sleep 4000 & sleep 0.01; f; }; f",
		"without output": "exec >&- 2>&-; sleep 4000; true",
	} {
		t.Run(name, func(t *testing.T) {
			p := newProber(script(text, 500*time.Millisecond), target)
			got := p.probe(t.Context())
			if got.Ran || got.Succeeded || got.ExitCode != nil || got.Message != "Command timed out after 500ms" {
				t.Errorf("%+v", got)
			}
			await(t, "the end of the command", func() bool { return p.settle(t.Context()) == nil && p.leftover == "" })
			await(t, "the end of all processes", func() bool { return len(children(t, target)) == 0 })
		})
	}
	// The container itself goes on.
	if got := newProber(script("true", patience), target).probe(t.Context()); !got.Succeeded {
		t.Errorf("%+v", got)
	}
}

// A session that ends does not leave its command behind.
func TestCommandEndsWithTheSession(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Run(ctx, script("sleep 4000; true", 0), target, time.Time{}, func(r Result) { t.Errorf("a result of a probe that was interrupted: %+v", r) })
	}()
	await(t, "the command", func() bool { return len(children(t, target)) > 1 })
	cancel()
	<-done
	await(t, "the end of all processes", func() bool { return len(children(t, target)) == 0 })
}

func TestCommandInContainerThatDies(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	ended := make(chan Result)
	go func() { ended <- newProber(script("sleep 4000", patience), target).probe(t.Context()) }()
	await(t, "the command", func() bool { return len(children(t, target)) > 0 })
	if err := environment.Engine(t).ContainerKill(t.Context(), target.ContainerID, "KILL"); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.Succeeded || got.Message == "" || strings.Contains(got.Message, "timed out") {
		t.Errorf("%+v", got)
	}
	if got := newProber(script("true", patience), target).probe(t.Context()); got.Ran || got.Succeeded || !strings.Contains(got.Message, "not running") {
		t.Errorf("after its end: %+v", got)
	}
}

// An Engine that fails or hangs costs a probe, in bounded time, and leaves at most one command behind, which is ended before the
// next one begins.
func TestCommandWithFailingEngine(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	for _, c := range []struct {
		kind         fakeengine.Kind
		method, path string
	}{
		{fakeengine.Hang, http.MethodPost, `/containers/[^/]+/exec`},
		{fakeengine.Hang, http.MethodPost, `/exec/[^/]+/start`},
		{fakeengine.Fail, http.MethodPost, `/exec/[^/]+/start`},
		{fakeengine.LoseAnswer, http.MethodPost, `/containers/[^/]+/exec`},
		{fakeengine.Silence, http.MethodPost, `/exec/[^/]+/start`},
		{fakeengine.Fail, http.MethodGet, `/exec/[^/]+/json`},
	} {
		t.Run(fmt.Sprint(c.kind, " ", c.path), func(t *testing.T) {
			proxy := fakeengine.New(t, environment.Socket(t))
			failing := target
			failing.Engine = newEngine(t, proxy.Socket)
			p := newProber(script("true", time.Second), failing)
			proxy.Fault(c.kind, c.method, c.path, 1)
			began := time.Now()
			if got := p.probe(t.Context()); got.Ran || got.Succeeded || got.Message == "" || time.Since(began) > time.Second+settleLimit+patience/2 {
				t.Errorf("after %v: %+v", time.Since(began), got)
			}
			proxy.Release()
			p.spec.Timeout = patience
			if got := p.probe(t.Context()); !got.Succeeded {
				t.Errorf("when the Engine is well: %+v", got)
			}
			await(t, "the end of all processes", func() bool { return len(children(t, target)) == 0 })
		})
	}
}

// interrupted makes a probe whose session ends once something is so.
func interrupted(t *testing.T, p *prober, what string, so func() bool) Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan Result, 1)
	go func() { result <- p.probe(ctx) }()
	await(t, what, so)
	cancel()
	return <-result
}

// recorder keeps the ids of the commands.
type recorder struct {
	Engine
	ids []string
}

func (r *recorder) CreateExec(ctx context.Context, idOrName string, o container.ExecOptions) (string, error) {
	id, err := r.Engine.CreateExec(ctx, idOrName, o)
	r.ids = append(r.ids, id)
	return id, err
}

// A command that the Engine starts after the end of its probe is ended when it appears, and none is left behind, however often
// it happens.
func TestCommandThatIsStartedLate(t *testing.T) {
	for name, c := range map[string]struct {
		kind   fakeengine.Kind
		starts int // that are late
		ended  bool
	}{
		"the Engine works on it":     {kind: fakeengine.Hang, starts: 1},
		"the connection is broken":   {kind: fakeengine.Late, starts: 1},
		"every start is late":        {kind: fakeengine.Hang, starts: 1000},
		"every connection is broken": {kind: fakeengine.Late, starts: 2},
		"the session has ended":      {kind: fakeengine.Late, starts: 1, ended: true},
	} {
		t.Run(name, func(t *testing.T) {
			target := run(t, nil, "sleep", "100000")
			for range 2 {
				proxy := fakeengine.New(t, environment.Socket(t))
				proxy.Fault(c.kind, http.MethodPost, `/exec/[^/]+/start`, c.starts)
				commands := &recorder{Engine: newEngine(t, proxy.Socket)}
				late := target
				late.Engine = commands
				p := newProber(script("sleep 4000", patience), late)
				asked := func() bool { return proxy.Count(http.MethodPost, `/exec/[^/]+/start`) > 0 }
				if got := interrupted(t, p, "the request to start", asked); got.Ran || got.Succeeded || got.Message == "" {
					t.Errorf("%+v", got)
				}
				proxy.Release()
				proxy.Away() // all that was late has reached the Engine
				proxy.Back()
				await(t, "the start", func() bool {
					state, err := environment.Engine(t).ContainerExecInspect(t.Context(), commands.ids[0])
					return err == nil && state.Pid > 0
				})
				if !c.ended {
					p.spec = script("true", patience)
					await(t, "a probe", func() bool { return p.probe(t.Context()).Succeeded })
				}
				await(t, "the end of all processes", func() bool { return len(children(t, target)) == 0 })
			}
		})
	}
}

// losingStart loses the requests to start a command, and does something before.
type losingStart struct {
	Engine
	before func()
}

func (l *losingStart) StartExecOutput(context.Context, string) (io.ReadCloser, error) {
	l.before()
	return nil, errdefs.ErrUnavailable
}

// A paused container starts nothing now, and may start what it was asked for later.
func TestCommandInPausedContainer(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	api := environment.Engine(t)
	paused := target
	paused.Engine = &losingStart{target.Engine, func() {
		if err := api.ContainerPause(t.Context(), target.ContainerID); err != nil {
			t.Error(err)
		}
	}}
	p := newProber(script("sleep 4000", patience), paused)
	if got := p.probe(t.Context()); got.Ran || p.leftover == "" {
		t.Errorf("%+v, left over: %q", got, p.leftover)
	}
	if err := p.settle(t.Context()); !errors.Is(err, errdefs.ErrConflict) || p.leftover == "" {
		t.Errorf("%v, left over: %q", err, p.leftover)
	}
	if err := api.ContainerUnpause(t.Context(), target.ContainerID); err != nil {
		t.Fatal(err)
	}
	p.target, p.spec = target, script("true", patience)
	await(t, "a probe", func() bool { return p.probe(t.Context()).Succeeded })
	await(t, "the end of all processes", func() bool { return len(children(t, target)) == 0 })
}

func TestCommandIsEndedLater(t *testing.T) {
	target := run(t, nil, "sleep", "100000")
	proxy := fakeengine.New(t, environment.Socket(t))
	failing := target
	failing.Engine = newEngine(t, proxy.Socket)
	p := newProber(script("sleep 4000", patience), failing)
	proxy.Fault(fakeengine.Fail, http.MethodGet, `/exec/[^/]+/json`, 2)
	if got := interrupted(t, p, "the command", func() bool { return len(children(t, target)) > 0 }); got.Ran || got.Succeeded {
		t.Errorf("%+v", got)
	}
	if got := p.probe(t.Context()); got.Ran || !strings.Contains(got.Message, "an earlier command that timed out could not be killed") {
		t.Errorf("%+v", got)
	}
	if n := len(children(t, target)); n != 1 {
		t.Errorf("%d processes, want the one of the first probe", n)
	}
	p.spec = script("true", patience)
	if got := p.probe(t.Context()); !got.Succeeded {
		t.Errorf("%+v", got)
	}
	await(t, "the end of all processes", func() bool { return len(children(t, target)) == 0 })
}

// Sessions are looked for in the container alone.
func TestKillSessionSparesOthers(t *testing.T) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(own[strings.LastIndexByte(string(own), ')')+1:]))
	session, err := strconv.Atoi(fields[3])
	if err != nil {
		t.Fatal(err)
	}
	if !inSession(os.Getpid(), session) || inSession(os.Getpid(), session+1) {
		t.Error("does not know its own session")
	}
	if err := killMember(os.Getpid(), session, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "not in a cgroup") {
		t.Errorf("%v", err)
	}
	// Once the command has ended its session's number may be another's, which is nothing that keeps probes from going on.
	if err := killSession(t.Context(), session, strings.Repeat("0", 64)); err != nil {
		t.Error(err)
	}
}
