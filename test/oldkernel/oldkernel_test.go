package oldkernel

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFilter(t *testing.T) {
	Run(t, unix.ENOSYS, "TestNewerCalls")
	Run(t, unix.EPERM, "TestNewerCalls")
}

// The kernel answers newer calls as Run has it answer, on threads that were started later, too. Without Run it carries them out.
func TestNewerCalls(t *testing.T) {
	answers := make(chan error, 2)
	go func() {
		fd, err := unix.PidfdOpen(os.Getpid(), 0)
		_ = unix.Close(fd)
		answers <- err
		fd, err = unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{})
		_ = unix.Close(fd)
		answers <- err
	}()
	for range 2 {
		err := <-answers
		var errno syscall.Errno
		if errors.As(err, &errno); unix.ErrnoName(errno) != os.Getenv(answerVariable) {
			t.Errorf("the kernel answers %v, want %q", err, os.Getenv(answerVariable))
		}
	}
}
