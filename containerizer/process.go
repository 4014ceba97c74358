package containerizer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/executor/wire"
)

// handle refers to one process for good, whatever becomes of its pid. It costs no thread while it is waited on.
type handle struct {
	file *os.File // a pidfd
}

// openProcess returns a handle on a process that runs now. The error wraps os.ErrNotExist when it does not.
func openProcess(p wire.Process) (*handle, error) {
	fd, err := unix.PidfdOpen(p.PID, 0) // Linux 5.3; that it may be opened non-blocking came later
	if errors.Is(err, unix.ESRCH) {
		err = fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", p.PID, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("watch process %d: %w", p.PID, err)
	}
	h := &handle{file: os.NewFile(uintptr(fd), "pidfd")}
	// The pid may have passed to another process before we took hold of it.
	alive, err := p.Alive()
	if err == nil && !alive {
		err = os.ErrNotExist
	}
	if err != nil {
		h.close()
		return nil, fmt.Errorf("watch process %d: %w", p.PID, err)
	}
	return h, nil
}

// wait returns nil when the process has ended, or ctx's error.
func (h *handle) wait(ctx context.Context) error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { h.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(func(fd uintptr) bool {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && ready > 0
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// gone returns a channel that is closed when the process has ended; of a nil handle it never is. The function returned ends
// the watch.
func (h *handle) gone(ctx context.Context) (<-chan struct{}, func()) {
	if h == nil {
		return nil, func() {}
	}
	gone := make(chan struct{})
	watching, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		if h.wait(watching) == nil {
			close(gone)
		}
	})
	return gone, func() {
		cancel()
		watcher.Wait()
	}
}

// signal sends a signal to the process.
func (h *handle) signal(s unix.Signal) error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	if err := raw.Control(func(fd uintptr) { sendErr = unix.PidfdSendSignal(int(fd), s, nil, 0) }); err != nil {
		return err
	}
	return sendErr
}

// close may be called on nil.
func (h *handle) close() {
	if h != nil {
		h.file.Close()
	}
}

// initialPIDNamespace is what the kernel calls the namespace in which every process is seen.
const initialPIDNamespace = "pid:[4026531836]"

// seesEveryProcess tells whether the absence of a pid means that the process is gone, and not that it is out of sight, as it is
// for a daemon in a container.
func seesEveryProcess() bool {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && namespace == initialPIDNamespace
}

// openContainerProcess returns a handle on the container's first process as the host sees it. It verifies by the process's
// cgroup, in whose name every runtime puts the container's id, that the pid still belongs to the container.
func openContainerProcess(pid int, container string) (*handle, error) {
	process, err := wire.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	h, err := openProcess(process)
	if err != nil {
		return nil, err
	}
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err == nil && !strings.Contains(string(cgroup), container) {
		err = fmt.Errorf("process %d is not in a cgroup of container %s", pid, container)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}
