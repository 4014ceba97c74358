// Package pidfd refers to processes for good, whatever becomes of their pids.
package pidfd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/executor/wire"
)

// Process is one process for good, whatever becomes of its pid. It costs no thread while it is waited on.
type Process struct {
	file *os.File // a pidfd
}

// Open refers to a process that runs now. The caller closes it. The error wraps os.ErrNotExist when it does not.
func Open(p wire.Process) (*Process, error) {
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
	h := &Process{file: os.NewFile(uintptr(fd), "pidfd")}
	// The pid may have passed to another process before we took hold of it.
	alive, err := p.Alive()
	if err == nil && !alive {
		err = os.ErrNotExist
	}
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("watch process %d: %w", p.PID, err)
	}
	return h, nil
}

// Wait returns nil when the process has ended, or ctx's error.
func (p *Process) Wait(ctx context.Context) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { p.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(readable)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Gone returns a channel that is closed when the process has ended; of a nil handle it never is. The function returned ends
// the watch.
func (p *Process) Gone(ctx context.Context) (<-chan struct{}, func()) {
	if p == nil {
		return nil, func() {}
	}
	gone := make(chan struct{})
	watching, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		if p.Wait(watching) == nil {
			close(gone)
		}
	})
	return gone, func() {
		cancel()
		watcher.Wait()
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s unix.Signal) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	if err := raw.Control(func(fd uintptr) { sendErr = unix.PidfdSendSignal(int(fd), s, nil, 0) }); err != nil {
		return err
	}
	return sendErr
}

// Ended reports whether the process has ended. It may be called on nil, which is no process.
func (p *Process) Ended() bool {
	if p == nil {
		return true
	}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return false
	}
	ended := false
	err = raw.Control(func(fd uintptr) { ended = readable(fd) })
	return err == nil && ended
}

// readable reports whether a pidfd's process has ended.
func readable(fd uintptr) bool {
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && ready > 0
}

// Close may be called on nil.
func (p *Process) Close() {
	if p != nil {
		p.file.Close()
	}
}

// initialPIDNamespace is what the kernel calls the namespace in which every process is seen.
const initialPIDNamespace = "pid:[4026531836]"

// SeesEveryProcess tells whether the absence of a pid means that the process is gone, and not that it is out of sight, as it is
// for a daemon in a container.
func SeesEveryProcess() bool {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && namespace == initialPIDNamespace
}
