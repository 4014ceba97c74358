package environment

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// withEngine prepares a run of the script with a private Engine, whatever Engine this test has.
func withEngine(t *testing.T, script string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	Engine(t) // one can be run here
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: a private Engine needs root")
	}
	cmd = exec.CommandContext(t.Context(), "./with-engine", "sh", "-c", script)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent/docker.sock")
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("with-engine said:\n%s", stderr)
		}
	})
	return cmd, stderr
}

// left returns what is there of the private Engine that ran with the socket.
func left(t *testing.T, socket string) []string {
	t.Helper()
	directory := filepath.Dir(strings.TrimPrefix(socket, "unix://"))
	if !strings.HasPrefix(filepath.Base(directory), "mesos-docker-engine.") {
		t.Fatalf("unexpected address of a private Engine: %q", socket)
	}
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(directory))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{directory, "/sys/fs/cgroup/" + filepath.Base(directory)} {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

func TestWithEngineLeavesNothing(t *testing.T) {
	cmd, _ := withEngine(t, `
		printf '%s\n' "$DOCKER_HOST"
		go run ./cmd/images web:1 >&2
		go run ./cmd/ping >&2 && exit 7`)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v, want the command's exit status 7", err)
	}
	if found := left(t, strings.TrimSpace(string(out))); found != nil {
		t.Errorf("left behind: %v", found)
	}
}

func TestWithEnginePassesSignalsOn(t *testing.T) {
	cmd, _ := withEngine(t, `
		trap 'echo terminated; exit 9' TERM
		echo "$DOCKER_HOST"
		while :; do sleep 0.1; done`)
	stdout, socket := start(t, cmd)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(stdout)
	if err != nil || string(rest) != "terminated\n" {
		t.Errorf("%v, the command said %q", err, rest)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
		t.Errorf("%v, want the command's exit status 9", err)
	}
	if found := left(t, socket); found != nil {
		t.Errorf("left behind: %v", found)
	}
}

// TestWithEngineSideBySide kills one run beside another, which shows that nothing is shared, that all processes of a killed
// run end, and that the next run clears its directory away.
func TestWithEngineSideBySide(t *testing.T) {
	const hold = `
		setsid sleep 86400 &
		echo "$DOCKER_HOST"
		read -r line; go run ./cmd/ping`
	killed, _ := withEngine(t, hold)
	if _, err := killed.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	killedOut, killedSocket := start(t, killed)
	other, _ := withEngine(t, hold)
	otherIn, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	otherOut, otherSocket := start(t, other)

	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The sleeper holds the other end, so that this returns when it is gone, too.
	if _, err := io.ReadAll(killedOut); err != nil {
		t.Error(err)
	}
	if err := killed.Wait(); err == nil {
		t.Error("a killed run ended well")
	}

	if _, err := io.WriteString(otherIn, "go on\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(otherOut); err != nil || !strings.HasPrefix(string(answer), "Docker Engine ") {
		t.Errorf("the Engine beside it: %v, %q", err, answer)
	}
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	if found := left(t, otherSocket); found != nil {
		t.Errorf("left behind: %v", found)
	}

	next, said := withEngine(t, "true")
	if err := next.Run(); err != nil {
		t.Error(err)
	}
	if found := left(t, killedSocket); found != nil {
		t.Errorf("left behind by the killed run: %v; the next said %s", found, said)
	}
}

// start starts the command and returns its output behind the first line, and that line.
func start(t *testing.T, cmd *exec.Cmd) (stdout io.Reader, line string) {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(pipe)
	line, err = lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return lines, strings.TrimSpace(line)
}
