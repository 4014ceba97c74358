package health

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

var errElsewhere = errors.New("not in a cgroup of container")

var errNoPID = errors.New("the host's pid of the container is not known, so its network cannot be entered")

// processOf returns a pidfd of a process of the container. Every runtime puts the container's ID into the name of its cgroup; this
// detects a pid that another process has by now. The file owns the descriptor.
func processOf(pid int, container string) (*os.File, error) {
	if pid <= 0 || container == "" {
		return nil, errNoPID
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, processError(pid, err)
	}
	process := os.NewFile(uintptr(fd), "pidfd")
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err == nil && !strings.Contains(string(cgroup), container) {
		err = fmt.Errorf("process %d is %w %s", pid, errElsewhere, container)
	}
	if err == nil {
		err = signal(process, 0)
	}
	if err != nil {
		process.Close()
		return nil, processError(pid, err)
	}
	return process, nil
}

// processError adds context to an error about a process.
func processError(pid int, err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the container's process %d is gone: %w", pid, err)
	}
	return fmt.Errorf("look at the container's process: %w", err)
}

// signal sends a signal to the process of a pidfd. Success with signal 0 shows that the process was not reaped yet, so data read by
// its pid since the pidfd was opened was its own.
func signal(process *os.File, s unix.Signal) error {
	raw, err := process.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), s, nil, 0) }); err != nil {
		return err
	}
	return sent
}

// openNamespace opens the network namespace of the container.
func (t Target) openNamespace() (*os.File, error) {
	process, err := processOf(t.PID, t.ContainerID)
	if err != nil {
		return nil, err
	}
	defer process.Close()
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", t.PID))
	if err != nil {
		return nil, processError(t.PID, err)
	}
	if err := signal(process, 0); err != nil {
		namespace.Close()
		return nil, processError(t.PID, err)
	}
	return namespace, nil
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
