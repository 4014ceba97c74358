package health

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/pidfd"
)

var errNoPID = errors.New("the host's pid of the container is not known, so its network cannot be entered")

// openNamespace opens the network namespace of the container.
func (t Target) openNamespace() (*os.File, error) {
	if t.PID <= 0 || t.ContainerID == "" {
		return nil, errNoPID
	}
	namespace, err := pidfd.OpenNetwork(t.PID, t.ContainerID)
	if err != nil {
		return nil, processError(t.PID, err)
	}
	return namespace, nil
}

// processError adds context to an error about a process.
func processError(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the container's process %d is gone: %w", pid, err)
	}
	return fmt.Errorf("look at the container's process: %w", err)
}

// socketIn creates a non-blocking TCP socket in a network namespace, which the socket keeps.
//
// The thread that enters the namespace is locked meanwhile. If it cannot return, it ends with its goroutine, so that no other
// goroutine runs in a container's network.
func socketIn(namespace *os.File, family int) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var back bool
		if fd, back, err = enterAndCreate(namespace, family); back {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return fd, err
}

// enterAndCreate runs on a locked thread; back reports that the thread has returned.
func enterAndCreate(namespace *os.File, family int) (fd int, back bool, err error) {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return -1, true, fmt.Errorf("open the daemon's own network: %w", err)
	}
	defer own.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return -1, true, fmt.Errorf("enter the container's network: %w", err)
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		err = fmt.Errorf("create a socket in the container's network: %w", err)
	}
	return fd, unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil, err
}
