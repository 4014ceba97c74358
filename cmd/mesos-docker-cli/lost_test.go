package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

func nothingToWaitFor() {}

// TestAbsentDaemon: docker's own kind of error and status, after a bounded time.
func TestAbsentDaemon(t *testing.T) {
	directory := t.TempDir()
	for name, status := range map[string]int{"ps": 1, "inspect": 1, "stop": 1, "rm": 1, "pull": 1, "exec": 1, "run": 125, "of-a-later-daemon": 1} {
		began := time.Now()
		got := askInProcess(directory, name)
		if got.status != status || got.stdout != "" {
			t.Errorf("%s: %+v, want status %d", name, got, status)
		}
		for _, part := range []string{"Cannot connect to the Docker daemon at unix://" + directory, "Is the docker daemon running?", "systemctl status"} {
			if !strings.Contains(got.stderr, part) {
				t.Errorf("%s: %q is not in %q", name, part, got.stderr)
			}
		}
		if waited := time.Since(began); waited < 200*time.Millisecond || waited > 10*time.Second {
			t.Errorf("%s: it waited %v", name, waited)
		}
	}
}

// TestLateDaemon: a command that finds no daemon, or one on its way down, waits for the next.
func TestLateDaemon(t *testing.T) {
	directory := t.TempDir()
	socket := filepath.Join(directory, protocol.AdminSocket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		if c, err := listener.Accept(); err == nil {
			c.Close()
		}
		listener.Close()
	}()
	c := docker(t, directory, "run", "app:1")
	var stdout bytes.Buffer
	c.Stdout = &stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-tried
	startDaemon(t, directory, func(_ context.Context, c dockercli.Call) int {
		fmt.Fprint(c.Stdout, "text")
		return 0
	})
	if err := c.Wait(); err != nil || stdout.String() != "text" {
		t.Errorf("%q, %v", stdout.String(), err)
	}
}

// TestDaemonRestartsInTheMiddle: what may be asked for again is, and nothing of the first answer is printed.
func TestDaemonRestartsInTheMiddle(t *testing.T) {
	for name, want := range map[string]outcome{
		"ps": {0, "whole", ""}, "inspect": {0, "whole", ""}, "stop": {0, "whole", ""}, "rm": {0, "whole", ""}, "wait": {0, "whole", ""},
		"pull": {0, "half a\nwhole", ""},
		"kill": {1, "half a\n", "went away"}, "logs": {1, "half a\n", "went away"}, "exec": {255, "half a\n", "went away"},
		"run": {0, "half a\nwhole", ""}, "of-a-later-daemon": {1, "half a\n", "went away"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			begun := make(chan struct{})
			first := startDaemon(t, directory, func(ctx context.Context, c dockercli.Call) int {
				fmt.Fprintln(c.Stdout, "half a")
				close(begun)
				<-ctx.Done()
				return 1
			})
			ended := make(chan outcome, 1)
			c := docker(t, directory, name, "x")
			go func() { ended <- outcomeOf(t, c) }()
			<-begun
			first.end()
			startDaemon(t, directory, func(_ context.Context, c dockercli.Call) int {
				fmt.Fprint(c.Stdout, "whole")
				return 0
			})
			got := <-ended
			if got.status != want.status || got.stdout != want.stdout || !strings.Contains(got.stderr, want.stderr) || want.stderr == "" && got.stderr != "" {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// TestDaemonDiesOfTheCommand: a command is not asked for without end.
func TestDaemonDiesOfTheCommand(t *testing.T) {
	var asked atomic.Int32
	d := serve(t, t.TempDir(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := upgrade(t, w, r); c != nil {
			asked.Add(1)
			_, _, _ = c.Receive()
			c.Close()
		}
	}), nothingToWaitFor)
	if got := askInProcess(d.runDirectory, "inspect"); got.status != statusFailed || !strings.Contains(got.stderr, "went away") || asked.Load() != maxAsks {
		t.Errorf("%+v, asked %d times", got, asked.Load())
	}
}

func upgrade(t *testing.T, w http.ResponseWriter, r *http.Request) *protocol.Conn {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return nil
	}
	c, err := protocol.Upgrade(conn, buffered.Reader, r.Header.Get("Upgrade"))
	if err != nil {
		t.Error(err)
		conn.Close()
		return nil
	}
	return c
}

// TestSilentDaemon: one that is stopped, or hangs, is as good as none where it owes an answer.
func TestSilentDaemon(t *testing.T) {
	directory := t.TempDir()
	calls := make(chan *protocol.Conn, 1)
	d := serve(t, directory, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := upgrade(t, w, r); c != nil {
			_, _, _ = c.Receive()
			calls <- c
		}
	}), nothingToWaitFor)
	for _, name := range []string{"ps", "inspect", "stop", "rm", "kill"} {
		if got := askInProcess(directory, name); got.status != statusFailed || !strings.Contains(got.stderr, errSilent.Error()) {
			t.Errorf("%s: %+v", name, got)
		}
		(<-calls).Close()
	}
	// Others last as long as they last.
	ended := make(chan outcome)
	go func() { ended <- askInProcess(directory, "run") }()
	c := <-calls
	select {
	case got := <-ended:
		t.Errorf("a run ends of silence: %+v", got)
	case <-time.After(500 * time.Millisecond):
		c.Close()
		c = <-calls // it is asked for again, because its container may run
		_ = c.SendJSON(protocol.KindExit, protocol.Exit{Status: 6})
		if got := <-ended; got != (outcome{status: 6}) {
			t.Errorf("%+v", got)
		}
		c.Close()
	}
	d.end()

	listener, err := net.Listen("unix", filepath.Join(directory, protocol.AdminSocket)) // accepts, and no more
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if got := askInProcess(directory, "run"); got.status != 125 || !strings.Contains(got.stderr, "does not answer") {
		t.Errorf("a daemon that does not answer: %+v", got)
	}
}

// TestSilentDaemonAfterACall: what has been asked for is not given up because a later daemon does not take it.
func TestSilentDaemonAfterACall(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	d := serve(t, t.TempDir(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := upgrade(t, w, r)
		if c == nil {
			return
		}
		defer c.Close()
		if asked.Add(1) == 2 {
			<-r.Context().Done() // which is longer than patience
			return
		}
		_, _, _ = c.Receive()
		if asked.Load() > 2 {
			_ = c.SendJSON(protocol.KindExit, protocol.Exit{Status: 6})
		}
	}), nothingToWaitFor)
	var stdout, stderr bytes.Buffer
	c := inProcess(d.runDirectory, "run", &stdout, &stderr)
	c.patience = 3 * time.Second // in which the other calls arrive whole on a loaded machine
	const more = 1 << 19         // than a socket holds
	if status := c.ask(newCall([]string{"run", strings.Repeat("x", more)}, c.terminal)); status != 6 {
		t.Errorf("status %d, %s", status, stderr.String())
	}
}

// TestSignsOfLife keep a command that takes its time from being given up.
func TestSignsOfLife(t *testing.T) {
	d := serve(t, t.TempDir(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := upgrade(t, w, r)
		if c == nil {
			return
		}
		defer c.Close()
		_, _, _ = c.Receive()
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for range 10 {
			<-ticker.C
			_ = c.SendAlive()
		}
		_ = c.SendJSON(protocol.KindExit, protocol.Exit{Status: 5})
	}), nothingToWaitFor)
	if got := askInProcess(d.runDirectory, "stop"); got != (outcome{status: 5}) {
		t.Errorf("%+v", got)
	}
}

// TestUpgrade: between the two halves of a package's upgrade the daemon is of another release, and soon is not.
func TestUpgrade(t *testing.T) {
	older := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Upgrade", "mesos-docker-cli/0")
		w.WriteHeader(http.StatusUpgradeRequired)
	})
	for name, handler := range map[string]http.Handler{"other version": older, "without docker commands": http.NotFoundHandler()} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			asked := make(chan struct{}, 1000)
			d := serve(t, directory, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				handler.ServeHTTP(w, r)
				asked <- struct{}{}
			}), nothingToWaitFor)
			if got := askInProcess(directory, "ps"); got.status != statusFailed || !strings.Contains(got.stderr, "of another release") || !strings.Contains(got.stderr, "systemctl restart") {
				t.Errorf("%+v", got)
			}
			for len(asked) > 0 {
				<-asked
			}
			ended := make(chan outcome, 1)
			c := docker(t, directory, "ps")
			go func() { ended <- outcomeOf(t, c) }()
			<-asked
			d.end()
			startDaemon(t, directory, func(_ context.Context, c dockercli.Call) int {
				fmt.Fprint(c.Stdout, "text")
				return 0
			})
			if got := <-ended; got != (outcome{stdout: "text"}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestSignalWithoutADaemon ends even a run.
func TestSignalWithoutADaemon(t *testing.T) {
	directory := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(directory, protocol.AdminSocket)) // accepts, and no more
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := docker(t, directory, "run", "app:1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadAtLeast(conn, make([]byte, 1), 1); err != nil { // it has taken care of signals by now
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if status := c.ProcessState.ExitCode(); status != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d", status)
	}
}

// TestOthersThanRoot learn at once why they get no answer.
func TestOthersThanRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	directory, err := os.MkdirTemp("", "run-") // whose parents everybody may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, directory, func(context.Context, dockercli.Call) int { return 0 })
	if err := os.Chmod(filepath.Join(directory, protocol.AdminSocket), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "--run_dir="+directory, "ps", "-a")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	began := time.Now()
	if got := outcomeOf(t, c); got.status != statusFailed || !strings.Contains(got.stderr, "permission denied") || time.Since(began) > patience/2 {
		t.Errorf("%+v after %v", got, time.Since(began))
	}
}
