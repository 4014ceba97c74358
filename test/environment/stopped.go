package environment

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// StoppedProcess starts a process that SIGSTOP has stopped, and that the test's end kills.
func StoppedProcess(t testing.TB) (pid int) {
	t.Helper()
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	pid = c.Process.Pid
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(pid, nil, unix.WUNTRACED, nil); err != nil { // until it is
		t.Fatal(err)
	}
	return pid
}
