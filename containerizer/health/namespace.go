package health

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/pidfd"
)

var errNoPID = errors.New("the host's pid of the container is not known, so its network cannot be entered")

// containerNetwork is the network of a container. It is opened by the first probe and kept for the next ones, since to find it and to
// verify whose it is takes more time than a probe. The container's first process is kept as well: when that has ended, nothing is
// probed, for in a shared network others may take its ports.
type containerNetwork struct {
	target    Target
	process   *pidfd.Process
	namespace *os.File
	own       bool // the network is the daemon's own
}

// socket creates a non-blocking TCP socket in the network.
func (n *containerNetwork) socket(family int) (fd int, err error) {
	if n.namespace == nil {
		if err := n.open(); err != nil {
			return -1, err
		}
	}
	if n.process.Ended() {
		return -1, processError(n.target.PID, os.ErrNotExist)
	}
	if n.own {
		return newSocket(family)
	}
	return socketIn(n.namespace, family)
}

func (n *containerNetwork) open() error {
	if n.target.PID <= 0 || n.target.ContainerID == "" {
		return errNoPID
	}
	process, err := pidfd.OpenContainer(n.target.PID, n.target.ContainerID)
	if err != nil {
		return processError(n.target.PID, err)
	}
	namespace, err := process.Network()
	if err != nil {
		process.Close()
		return processError(n.target.PID, err)
	}
	n.process, n.namespace, n.own = process, namespace, isOwn(namespace)
	return nil
}

// close lets go of the network. The next probe finds it again.
func (n *containerNetwork) close() {
	n.process.Close()
	n.namespace.Close() // of nil that is an error and no more
	n.process, n.namespace = nil, nil
}

// processError adds context to an error about a process.
func processError(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the container's process %d is gone: %w", pid, err)
	}
	return fmt.Errorf("look at the container's process: %w", err)
}

var own struct {
	sync.Mutex
	network *os.File
}

// ownNetwork is the network namespace of the daemon's first thread. A failure is not kept: it would be that of every later probe.
func ownNetwork() (*os.File, error) {
	own.Lock()
	defer own.Unlock()
	if own.network == nil {
		var err error
		if own.network, err = os.Open("/proc/self/ns/net"); err != nil {
			return nil, err
		}
	}
	return own.network, nil
}

// isOwn tells whether a network namespace is the daemon's own, which needs no entering.
func isOwn(namespace *os.File) bool {
	home, err := ownNetwork()
	if err != nil {
		return false
	}
	is, err := namespace.Stat()
	own, ownErr := home.Stat()
	return err == nil && ownErr == nil && os.SameFile(is, own)
}

func newSocket(family int) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("create a socket in the container's network: %w", err)
	}
	return fd, nil
}

// socketIn creates a non-blocking TCP socket in a network namespace, which the socket keeps.
//
// The thread that enters the namespace is locked meanwhile. If it cannot return, it stays locked to the caller's goroutine and ends with
// it, so that no other goroutine runs in a container's network.
func socketIn(namespace *os.File, family int) (fd int, err error) {
	home, err := ownNetwork()
	if err != nil {
		return -1, fmt.Errorf("open the daemon's own network: %w", err)
	}
	runtime.LockOSThread()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return -1, fmt.Errorf("enter the container's network: %w", err)
	}
	fd, err = newSocket(family)
	if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return fd, err
}
