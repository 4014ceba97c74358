package pidfd

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/oldkernel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firstThreadEnds in the environment makes this program one whose first thread ends, and whose others run until stdin ends.
const firstThreadEnds = "FIRST_THREAD_ENDS"

// An init function runs on the first thread.
func init() {
	if os.Getenv(firstThreadEnds) == "" {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	_, _, _ = syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

// Without pidfds everything is as with them.
func TestOldKernel(t *testing.T) {
	oldkernel.Run(t, unix.ENOSYS, "TestProcess", "TestProcessWithoutItsFirstThread", "TestPIDOfAnother", "TestContainerByItsID")
	oldkernel.Run(t, unix.EPERM, "TestProcess")
}

func start(t *testing.T, command *exec.Cmd) wire.Process {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	found, err := wire.FindProcess(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func open(t *testing.T, named wire.Process) *Process {
	t.Helper()
	p, err := Open(named)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestProcess(t *testing.T) {
	command := exec.Command("sleep", "1000")
	named := start(t, command)
	p := open(t, named)
	if p.Ended() {
		t.Error("a process that runs has ended")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(over); !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
	gone, stop := p.Gone(t.Context())
	defer stop()
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// It is dead, and not reaped.
	<-gone
	if err := p.Wait(t.Context()); err != nil || !p.Ended() {
		t.Errorf("its end is not seen: %v", err)
	}
	if err := command.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("it ended with %v", err)
	}
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a signal after its end: %v", err)
	}
	if _, err := Open(named); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was opened after its end: %v", err)
	}
}

// A process has not ended with its first thread.
func TestProcessWithoutItsFirstThread(t *testing.T) {
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), firstThreadEnds+"=1", "GORACE=atexit_sleep_ms=0")
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	named := start(t, command)
	p := open(t, named)
	for state := ""; state != "Z"; state = stateOf(t, named.PID) {
		runtime.Gosched()
	}
	if p.Ended() {
		t.Error("it has ended with its first thread")
	}
	if alive, err := named.Alive(); !alive || err != nil {
		t.Errorf("alive: %t, %v", alive, err)
	}
	stdin.Close()
	if err := p.Wait(t.Context()); err != nil || !p.Ended() {
		t.Errorf("its end is not seen: %v", err)
	}
}

// A handle never speaks of a process that has got the pid of its own.
func TestPIDOfAnother(t *testing.T) {
	named := start(t, exec.Command("sleep", "1000"))
	earlier := named
	earlier.StartTime--
	if _, err := Open(earlier); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the successor was opened: %v", err)
	}
	p := &Process{named: earlier} // as it would be without a pidfd
	if !p.Ended() {
		t.Error("the successor counts as the process")
	}
	if err := p.Signal(unix.SIGKILL); !errors.Is(err, unix.ESRCH) {
		t.Errorf("the successor was signalled: %v", err)
	}
	if alive, err := named.Alive(); !alive || err != nil {
		t.Errorf("the successor is dead: %v", err)
	}
}

// stateOf is the kernel's letter for the state of a process's first thread.
func stateOf(t *testing.T, pid int) string {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the program's name has no parentheses
	return rest[:1]
}
