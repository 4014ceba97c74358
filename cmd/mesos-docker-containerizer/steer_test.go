package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/test/environment"
)

// TestSteer sees, explains and ends a task of a whole daemon by the beginning of its name.
func TestSteer(t *testing.T) {
	flags, socket := serveFlags(t)
	daemon := start(t, flags...)
	daemon.await("the daemon serves")
	id := unique(t)
	task := fmt.Sprintf(`{"name": "steered", "task_id": {"value": %q}, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
		{"name": "mem", "type": "SCALAR", "scalar": {"value": 64}}],
		"container": {"type": "DOCKER", "docker": {"image": %q, "network": "HOST", "parameters": [{"key": "user", "value": "65534"}]}},
		"command": {"shell": true, "value": "echo one; echo two; echo bad >&2; exec sleep 600", "environment": {"variables": [
			{"name": "GREETING", "value": "hello"}, {"name": "MARATHON_APP_ID", "value": "/shop/web"}]}}}`,
		id, environment.Busybox(t))
	run := start(t, "run", "--socket="+socket, "--output=json", file(t, task))
	run.await("TASK_RUNNING")
	prefix := id[:len(id)-1]
	ask := func(args ...string) *process {
		t.Helper()
		p := start(t, append([]string{args[0], flags[1]}, args[1:]...)...)
		<-p.ended
		return p
	}
	want := func(p *process, status int, texts ...string) {
		t.Helper()
		p.wantStatus(status)
		for _, text := range texts {
			if !strings.Contains(p.out()+p.err(), text) {
				t.Errorf("%q is not in %q", text, p.out()+p.err())
			}
		}
	}
	want(ask("ps", prefix), exitOK, "TASK ", id, "running", environment.Busybox(t))
	want(ask("ps", "nothing"), exitOK, "TASK ")
	want(ask("ps", "--wide", "shop"), exitOK, "64MiB", "local", "SANDBOX")
	want(ask("ps", "--format", "{{.App}}={{.State}}"), exitOK, "/shop/web=running\n")
	want(ask("ps", "--format", "{{.Nothing}}"), exitUsage, "--format: ")
	watch := start(t, "ps", flags[1], "--watch", prefix)
	environment.Eventually(t, programLimit, "a second look", func() bool { return strings.Count(watch.out(), id) > 1 })
	watch.interrupt()
	watch.wantStatus(exitOK)
	want(ask("inspect", prefix), exitOK, `"GREETING=…"`, `"state": "running"`)
	want(ask("stats", "--no-stream", prefix), exitOK, "%", "64MiB", id)
	want(start(t, "__complete", "stop", flags[1], prefix), exitOK, id)
	want(ask("config", "--running"), exitOK, "run_dir")

	environment.Eventually(t, programLimit, "the output", func() bool { return ask("logs", prefix).out() == "one\ntwo\n" })
	want(ask("logs", "--stderr", prefix), exitOK, "bad\n")
	if p := ask("logs", "--tail=1", prefix); p.out() != "two\n" {
		t.Errorf("the last line is %q", p.out())
	}
	if p := ask("logs", "--since=1h", "--tail=1", prefix); p.out() != "two\n" {
		t.Errorf("the last line of the Engine's log is %q", p.out())
	}
	if p := ask("logs", "--since=1h", "--stderr", prefix); p.out() != "bad\n" {
		t.Errorf("stderr in the Engine's log is %q", p.out())
	}
	want(ask("logs", "nothing"), exitFailed, "no task has such a name")
	firstLine(t, "one", "logs", flags[1], "-f", prefix)
	firstLine(t, id, "events", flags[1], prefix)
	follow := start(t, "logs", flags[1], "-f", prefix)
	follow.await("two")

	want(ask("exec", prefix, "sh", "-c", "echo $GREETING $(id -u) -l; exit 7"), 7, "hello 65534 -l")
	want(ask("exec", "--user=0", "--env=MORE=more", prefix, "sh", "-c", "echo $MORE $(id -u)"), exitOK, "more 0")
	want(ask("exec", "nothing", "true"), exitNotRun, "no task has such a name")
	input := startWith(t, func(c *exec.Cmd) { c.Stdin = strings.NewReader("typed") }, "exec", flags[1], "-i", prefix, "cat")
	want(input, exitOK, "typed")
	testTerminal(t, flags[1], prefix)

	changes := start(t, "events", flags[1], prefix)
	changes.await("running")
	want(ask("stop", "nothing"), exitFailed, "no task has such a name")
	want(ask("stop", "--grace=0s", prefix), exitOK, id, "ended")
	<-run.ended
	if !strings.Contains(run.out(), "stopped by an admin of this host") || !strings.HasSuffix(states(run.events())["steered"], " KILLED") {
		t.Errorf("the framework is told %s", states(run.events())["steered"])
	}
	<-follow.ended
	changes.await("stopping")
	changes.await("ended")
	changes.interrupt()
	changes.wantStatus(exitOK)
	daemon.await("an admin asks for the end of the task")
	daemon.await("an admin runs a command in the task's container")
	var tasks []containerizer.TaskReport
	environment.Eventually(t, programLimit, "the task to go", func() bool {
		return json.Unmarshal([]byte(ask("ps", "--json").out()), &tasks) == nil && len(tasks) == 0
	})
	daemon.interrupt()
	daemon.wantStatus(exitOK)
	nothingLeft(t, id)
}

// firstLine is `| head -1`, after which nothing is written that the program could see fail.
func firstLine(t *testing.T, want string, args ...string) {
	t.Helper()
	from, to, err := os.Pipe()
	must(t, err)
	p := startWith(t, func(c *exec.Cmd) { c.Stdout = to }, args...)
	must(t, to.Close())
	line, err := bufio.NewReader(from).ReadString('\n')
	must(t, from.Close())
	if err != nil || !strings.Contains(line, want) {
		t.Errorf("%q, %v", line, err)
	}
	p.wantStatus(exitOK)
}

// testTerminal runs a command on a terminal, which gets the size of the person's.
func testTerminal(t *testing.T, runDirectory, task string) {
	t.Helper()
	person, tty, err := pty.Open()
	must(t, err)
	defer person.Close()
	must(t, pty.Setsize(tty, &pty.Winsize{Rows: 33, Cols: 77}))
	p := startWith(t, func(c *exec.Cmd) { c.Stdin, c.Stdout = tty, tty }, "exec", runDirectory, "-it", task, "sh", "-c",
		`until [ "$(stty size)" = "33 77" ]; do :; done; read line; echo "got $line"; exit 3`)
	tty.Close()
	_, err = person.WriteString("typed\r")
	must(t, err)
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(person) // ends with an error when the terminal has no other side any more
		shown <- string(text)
	}()
	p.wantStatus(3)
	if text := <-shown; !strings.Contains(text, "got typed") {
		t.Errorf("the terminal shows %q", text)
	}
}
