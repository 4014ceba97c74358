// Package oldkernel runs programs as if the kernel were older than it is: without the system calls that came after Linux 4.18.
package oldkernel

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// firstNewer is the number of the first system call that Linux 4.18 does not have, pidfd_send_signal. From there on every processor
// has the same numbers.
const firstNewer = 424

// answerVariable is in the environment of the processes of Run, and says which answer newer calls get.
const answerVariable = "OLD_KERNEL_ANSWER"

// Filter has the kernel answer every newer system call of this thread, and of what it starts, with an error. It cannot be taken back.
// clone3 is answered with ENOSYS in any case, since the C library starts no thread after another error. The calling goroutine has locked
// the thread. It needs root.
func Filter(answer syscall.Errno) error {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number is the first field of seccomp_data
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: firstNewer, Jf: 3},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(answer)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	of := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&of)), 0, 0)
	runtime.KeepAlive(program)
	if err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	return nil
}

// Run runs tests of the calling test's package once more, in a process of their own for which newer system calls have the given answer.
// Each name is that of a whole test. ENOSYS is the answer of an old kernel, EPERM that of the filter of a systemd as old.
func Run(t *testing.T, answer syscall.Errno, tests ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: a filter of system calls needs root")
	}
	command := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.v", "-test.run=^("+strings.Join(tests, "|")+")$", "-test.timeout="+left(t).String())
	// With the race detector every program would sleep for a second at its end.
	command.Env = append(os.Environ(), answerVariable+"="+unix.ErrnoName(answer), "GORACE=atexit_sleep_ms=0")
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	err := start(command, answer)
	if err == nil {
		err = command.Wait()
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	for _, name := range tests {
		if !strings.Contains(output.String(), "--- PASS: "+name+" ") {
			t.Errorf("%s was not made:\n%s", name, output.String())
		}
	}
}

// start starts a process from a thread with the filter. The thread ends with its goroutine, which does not unlock it.
func start(command *exec.Cmd, answer syscall.Errno) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := Filter(answer)
		if err == nil {
			err = command.Start()
		}
		started <- err
	}()
	return <-started
}

// left is the time that the test has, a little less so that the process can say what hangs.
func left(t *testing.T) time.Duration {
	deadline, ok := t.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline)-10*time.Second, time.Second).Round(time.Second)
}
