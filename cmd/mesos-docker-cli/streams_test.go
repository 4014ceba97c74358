package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"mesos-docker-containerizer/containerizer/dockercli"
)

func TestCallAndAnswer(t *testing.T) {
	d := startDaemon(t, t.TempDir(), func(_ context.Context, c dockercli.Call) int {
		fmt.Fprintf(c.Stdout, "%q %q %v", c.Arguments, c.Home, c.Terminal.Stdin || c.Terminal.Stdout)
		fmt.Fprint(c.Stderr, "Error: No such object")
		return 3
	})
	got := outcomeOf(t, docker(t, d.runDirectory, "inspect", "--type=container", "\xff", "", "-H"))
	want := outcome{3, `["inspect" "--type=container" "\xff" "" "-H"] "/home" false`, "Error: No such object"}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestManyAtOnce(t *testing.T) {
	const many = 100
	var all sync.WaitGroup // every command waits for all others
	all.Add(many)
	d := startDaemon(t, t.TempDir(), func(_ context.Context, c dockercli.Call) int {
		all.Done()
		all.Wait()
		fmt.Fprint(c.Stdout, c.Arguments[1])
		return 0
	})
	var group sync.WaitGroup
	for i := range many {
		name := fmt.Sprint("mesos-", i)
		c := docker(t, d.runDirectory, "inspect", name)
		group.Go(func() {
			if text, err := c.Output(); string(text) != name || err != nil {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		})
	}
	group.Wait()
}

// TestKilledClient: agents kill the docker commands of a task that they destroy (contract 1.2).
func TestKilledClient(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	d := startDaemon(t, t.TempDir(), func(ctx context.Context, _ dockercli.Call) int {
		close(begun)
		<-ctx.Done()
		close(ended)
		return 0
	})
	c := docker(t, d.runDirectory, "pull", "app:1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	<-ended
}

// TestSignals: a run decides what they mean; any other command ends by them, and its end on the daemon follows.
func TestSignals(t *testing.T) {
	begun, cutShort := make(chan struct{}, 1), make(chan struct{}, 100)
	d := startDaemon(t, t.TempDir(), func(ctx context.Context, c dockercli.Call) int {
		begun <- struct{}{}
		select {
		case s := <-c.Signals:
			fmt.Fprintf(c.Stdout, "the command got: %v", s)
			return 42
		case <-ctx.Done():
			cutShort <- struct{}{}
			return 0
		}
	})
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1} {
		for name, want := range map[string]outcome{
			"run":     {42, fmt.Sprint("the command got: ", s), ""},
			"inspect": {128 + int(s), "", ""},
		} {
			c := docker(t, d.runDirectory, name)
			var stdout bytes.Buffer
			c.Stdout = &stdout
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			<-begun
			if err := c.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if got := (outcome{c.ProcessState.ExitCode(), stdout.String(), ""}); got != want {
				t.Errorf("%v to %s: %+v, want %+v", s, name, got, want)
			}
			if name == "inspect" {
				<-cutShort
			}
		}
	}
}

// TestStdin is only read by a command that reads it: scripts go on reading theirs after a docker command.
func TestStdin(t *testing.T) {
	d := startDaemon(t, t.TempDir(), func(_ context.Context, c dockercli.Call) int {
		if c.Arguments[0] == "exec" {
			if _, err := io.Copy(c.Stdout, c.Stdin); err != nil {
				return 1
			}
		}
		return 0
	})
	text := strings.Repeat("0123456789", 100_000)
	for name, script := range map[string]string{
		"another reads it all":     `"$0" --run_dir="$1" inspect x; cat`,
		"the command reads it all": `"$0" --run_dir="$1" exec x; cat`,
	} {
		c := exec.CommandContext(t.Context(), "sh", "-c", script, program, d.runDirectory)
		c.Stdin = strings.NewReader(text)
		if got := outcomeOf(t, c); got != (outcome{0, text, ""}) {
			t.Errorf("%s: status %d, %d bytes, %s", name, got.status, len(got.stdout), got.stderr)
		}
	}
	closed := exec.CommandContext(t.Context(), "sh", "-c", `"$0" --run_dir="$1" exec x <&-`, program, d.runDirectory)
	if got := outcomeOf(t, closed); got != (outcome{}) {
		t.Errorf("stdin is closed: %+v", got)
	}
}

// TestSlowReader: a reader that takes its time gets everything, whether output is held to the end or not.
func TestSlowReader(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // more than sockets and pipes hold
	d := startDaemon(t, t.TempDir(), func(_ context.Context, c dockercli.Call) int {
		if n, err := c.Stdout.Write(text); n != len(text) || err != nil {
			return 1
		}
		return 0
	})
	for _, name := range []string{"ps", "logs"} {
		slow := docker(t, d.runDirectory, name)
		pipe, err := slow.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := slow.Start(); err != nil {
			t.Fatal(err)
		}
		if got := outcomeOf(t, docker(t, d.runDirectory, name)); got.stdout != string(text) {
			t.Errorf("%s: another gets %d bytes", name, len(got.stdout))
		}
		got, err := io.ReadAll(pipe)
		if !bytes.Equal(got, text) || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if err := slow.Wait(); err != nil {
			t.Error(name, err)
		}
	}
}

// TestReaderThatGoes ends the command, as a pipe into head does.
func TestReaderThatGoes(t *testing.T) {
	ended := make(chan struct{})
	d := startDaemon(t, t.TempDir(), func(ctx context.Context, c dockercli.Call) int {
		defer close(ended)
		for {
			if _, err := fmt.Fprintln(c.Stdout, "line"); err != nil {
				<-ctx.Done()
				return 1
			}
		}
	})
	c := exec.CommandContext(t.Context(), "sh", "-c", `"$0" --run_dir="$1" logs --follow x | head -n 1`, program, d.runDirectory)
	if got := outcomeOf(t, c); got.stdout != "line\n" {
		t.Errorf("%+v", got)
	}
	<-ended
}

// TestFullDisk: output that cannot be written is a failure.
func TestFullDisk(t *testing.T) {
	d := startDaemon(t, t.TempDir(), func(_ context.Context, c dockercli.Call) int {
		fmt.Fprint(c.Stdout, "text")
		return 0
	})
	for _, name := range []string{"ps", "logs"} {
		c := exec.CommandContext(t.Context(), "sh", "-c", `"$0" --run_dir="$1" "$2" >/dev/full`, program, d.runDirectory, name)
		if got := outcomeOf(t, c); got.status != statusFailed || !strings.Contains(got.stderr, "no space left") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
