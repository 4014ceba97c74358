package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// serveFlags are those of a daemon of the test's own.
func serveFlags(t *testing.T) (flags []string, socket string) {
	directory := t.TempDir()
	socket = filepath.Join(directory, "executor.sock")
	return []string{"serve", "--run_dir=" + directory, "--socket=" + socket, "--docker_socket=" + environment.Socket(t)}, socket
}

// TestRunWithADaemon runs a TaskInfo with a daemon of its own process, which outlives the run, and is told to end.
func TestRunWithADaemon(t *testing.T) {
	flags, socket := serveFlags(t)
	daemon := start(t, flags...)
	daemon.await("the daemon serves")
	id := unique(t)
	task := fmt.Sprintf(`{"name": "hello", "task_id": {"value": %q}, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
		"container": {"type": "DOCKER", "docker": {"image": %q, "network": "HOST", "parameters": [{"key": "hostname", "value": "elsewhere"}]}},
		"command": {"shell": true, "value": "echo $GREETING", "environment": {"variables": [{"name": "GREETING", "value": "hello"}]}}}`,
		id, environment.Busybox(t))
	runDirectory := flags[1]
	list := start(t, "ps", runDirectory, "--json")
	list.wantStatus(exitOK)
	if list.out() != "[]\n" {
		t.Errorf("ps without tasks: %q", list.out())
	}
	p := start(t, "run", "--socket="+socket, "--output=json", file(t, task))
	p.wantStatus(exitOK)
	if got := states(p.events())["hello"]; got != "STARTING RUNNING FINISHED" {
		t.Errorf("states are %s", got)
	}
	if !strings.Contains(p.out(), `"line":"hello"`) {
		t.Error("the task's environment or output is missing")
	}
	daemon.await("container removed")
	nothingLeft(t, id)

	second := start(t, flags...)
	second.wantStatus(exitFailed)
	if !strings.Contains(second.err(), "another mesos-docker-containerizer uses this run directory") || !strings.Contains(second.err(), "run_dir") {
		t.Error("it does not say why it ends, or what to do")
	}
	daemon.signal(syscall.SIGTERM)
	daemon.wantStatus(exitOK)
	list = start(t, "ps", runDirectory)
	list.wantStatus(exitEnvironment)
	if !strings.Contains(list.err(), "start it: systemctl start") {
		t.Error("ps does not say what to do without a daemon")
	}
	if _, err := net.Dial("unix", socket); err == nil {
		t.Error("a process listens at the socket of a daemon that has ended")
	}
	for line := range strings.Lines(daemon.err()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("line of the log: %q", line)
		}
	}
}

// TestRefusal: without docker among the containerizers DOCKER tasks fail, and the framework's user learns which setting it is.
func TestRefusal(t *testing.T) {
	id := unique(t)
	p := start(t, "run", "--containerizers=mesos", "--output=json", file(t, shell(t, id, "true", "")))
	p.wantStatus(exitFailed)
	events := p.events()
	if last := events[len(events)-1]; last.State != "TASK_FAILED" || !strings.Contains(last.Message, "--containerizers") {
		t.Errorf("the last event is %+v", last)
	}
	nothingLeft(t, id)
}

// TestServeWithoutAnEngine accepts executors all the same.
func TestServeWithoutAnEngine(t *testing.T) {
	directory := t.TempDir()
	socket := filepath.Join(directory, "executor.sock")
	daemon := start(t, "serve", "--run_dir="+directory, "--socket="+socket, "--docker_socket="+filepath.Join(directory, "none"), "--prepare_timeout=3secs")
	daemon.await("waiting for it")
	id := unique(t)
	p := start(t, "run", "--socket="+socket, file(t, shell(t, id, "true", "")))
	p.wantStatus(exitFailed)
	if !strings.Contains(p.out(), "it got as far as: waiting for the Docker Engine") {
		t.Error("the task does not say what it has waited for")
	}
	why := start(t, "why", "--run_dir="+directory, id)
	why.wantStatus(exitOK)
	if !strings.Contains(why.out(), "waiting 3") || !strings.Contains(why.out(), "failed before it ran") {
		t.Error("why does not say what the task has waited for")
	}
	daemon.interrupt()
	daemon.wantStatus(exitOK)
	if n := strings.Count(daemon.err(), "does not answer"); n != 1 || strings.Count(daemon.err(), `"level":"warn"`) != 1 {
		t.Errorf("%d lines say that the Engine is away", n)
	}
}

// An agent's command that the daemon's end cuts short shows why, and it was not the command that got a signal.
func TestDaemonSaysThatItIsToldToEnd(t *testing.T) {
	ctx, stop := untilToldToEnd()
	defer stop()
	must(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, errToldToEnd) || strings.Contains(err.Error(), "signal") {
		t.Errorf("it says %q", err)
	}
}

func TestVersion(t *testing.T) {
	p := start(t, "version")
	p.wantStatus(exitOK)
	for _, want := range []string{"mesos-docker-containerizer  " + version, "go", fmt.Sprintf("wire                        %d", wire.Version), "docker API"} {
		if !strings.Contains(p.out(), want) {
			t.Errorf("the output lacks %q:\n%s", want, p.out())
		}
	}
}

func TestVersionAsJSON(t *testing.T) {
	p := start(t, "version", "--json")
	p.wantStatus(exitOK)
	var got map[string]any
	if err := json.Unmarshal([]byte(p.out()), &got); err != nil {
		t.Fatalf("%v:\n%s", err, p.out())
	}
	want := map[string]any{"version": version, "commit": commit, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
		"wire": float64(wire.Version), "docker_api": api.DefaultVersion}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p = start(t, "version", "--json", "more")
	p.wantStatus(exitUsage)
}

func TestVersionAsAFlag(t *testing.T) {
	for _, flag := range []string{"--version", "-v"} {
		p := start(t, flag)
		p.wantStatus(exitOK)
		if !strings.Contains(p.out(), "mesos-docker-containerizer  "+version) {
			t.Errorf("%s prints:\n%s", flag, p.out())
		}
	}
}

func TestConfig(t *testing.T) {
	p := start(t, "config", "--orphan_grace=7secs")
	p.wantStatus(exitOK)
	if !strings.Contains(p.out(), "orphan_grace") || !strings.Contains(p.out(), "7secs") || !strings.Contains(p.out(), "command line") {
		t.Errorf("the output is:\n%s", p.out())
	}
	p = start(t, "config", "--json", "--orphan_grace=7secs")
	p.wantStatus(exitOK)
	var settings []struct{ Name, Value, Layer string }
	if err := json.Unmarshal([]byte(p.out()), &settings); err != nil || len(settings) < 10 {
		t.Errorf("%d settings, %v", len(settings), err)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}} {
		p := start(t, args...)
		p.wantStatus(exitOK)
		for _, c := range commands() {
			if !strings.Contains(p.out(), "  "+c.name+" ") {
				t.Errorf("%v does not name %s", args, c.name)
			}
		}
	}
	for _, c := range commands() {
		for _, args := range [][]string{{c.name, "--help"}, {"help", c.name}, {c.name, "-h", "--nonsense=1"}} {
			p := start(t, args...)
			p.wantStatus(exitOK)
			if !strings.HasPrefix(p.out(), "Usage: mesos-docker-containerizer "+c.name) {
				t.Errorf("%v shows %q", args, p.out())
			}
		}
	}
	start(t).wantStatus(exitUsage)
}

// TestFewOpenFiles: a daemon that may open few files says for how many tasks that is enough. It refuses the others at once, and takes an
// executor whose container may run in any case.
func TestFewOpenFiles(t *testing.T) {
	directory := t.TempDir()
	socket := filepath.Join(directory, "executor.sock")
	daemon := startWith(t, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `ulimit -n 80; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
	}, "serve", "--run_dir="+directory, "--socket="+socket, "--docker_socket="+filepath.Join(directory, "nobody"))
	daemon.await("the daemon serves")
	daemon.await(`"limit":80,"for_each_task":12,"enough_for_tasks":4`)
	launch := wire.Launch{Task: "t"}
	attach := func(name string, state *wire.State) (*wire.Conn, wire.Message) {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		c := wire.NewConn(conn)
		t.Cleanup(func() { c.Close() })
		conn.SetDeadline(time.Now().Add(programLimit))
		a := wire.Attach{Version: wire.Version, Route: wire.RouteLocal, Framework: "f", Executor: name, Sandbox: directory, State: state}
		if err := c.Send(wire.Message{Attach: &a}, nil); err != nil {
			t.Fatal(err)
		}
		if state == nil { // a daemon that refuses the attach need not take it
			_ = c.Send(wire.Message{Launch: &launch}, nil)
		}
		m, _, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		return c, m
	}
	for i := range 40 {
		c, m := attach(fmt.Sprintf("e%d", i), nil)
		switch {
		case i < 4 && m.Accepted == nil:
			t.Errorf("executor %d is told %+v, want it to be accepted", i, m)
		case i >= 4 && (m.Refused == nil || !m.Refused.Permanent || !strings.Contains(m.Refused.Reason, "may open 80 files, enough for 4 tasks at a time, and has 4: raise LimitNOFILE")):
			t.Errorf("executor %d is told %+v, want a refusal that names LimitNOFILE", i, m)
		}
		if i >= 4 {
			c.Close()
		}
	}
	if _, m := attach("again", &wire.State{Launch: launch, ContainerID: "c"}); m.Accepted == nil {
		t.Errorf("an executor with a container is told %+v", m)
	}
}
