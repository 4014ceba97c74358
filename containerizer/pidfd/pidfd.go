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

// lookInterval is the time between two looks at a process that cannot be waited on. It is short beside what the Engine needs to tell of
// an end. A look takes 30 µs, so a hundred tasks, with three processes looked at each, take four or five per cent of a processor.
const lookInterval = 200 * time.Millisecond

// Process is one process for good, whatever becomes of its pid. It costs no thread while it is waited on.
//
// Linux before 5.3 has no pidfds. There a process is known by its pid and its start time, and is looked at again and again.
type Process struct {
	named wire.Process
	file  *os.File // a pidfd, nil if the kernel has none
}

// Open refers to a process that runs now. The caller closes it. The error wraps os.ErrNotExist when it does not.
func Open(p wire.Process) (*Process, error) {
	h := &Process{named: p}
	fd, err := unix.PidfdOpen(p.PID, 0) // that it may be opened non-blocking came later
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // EPERM is what a filter of system calls says that does not know this one
	case errors.Is(err, unix.ESRCH):
		return nil, fmt.Errorf("watch process %d: %w: %w", p.PID, os.ErrNotExist, err)
	case err != nil:
		return nil, fmt.Errorf("watch process %d: %w", p.PID, err)
	default:
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("watch process %d: %w", p.PID, err)
		}
		h.file = os.NewFile(uintptr(fd), "pidfd")
	}
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

// Wait returns nil when the process has ended, or ctx's error. One goroutine at a time may wait.
func (p *Process) Wait(ctx context.Context) error {
	if p.file == nil {
		return p.waitByLooking(ctx)
	}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	if err := p.file.SetReadDeadline(time.Time{}); err != nil { // a wait before may have been given up
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

func (p *Process) waitByLooking(ctx context.Context) error {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for !p.Ended() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
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

// Signal sends a signal to the process. The error is unix.ESRCH when it has ended.
//
// Without pidfds there is a moment between a look at the process and the signal. If the process ends just then and the kernel gives its
// pid to another, that one gets the signal. The kernel gives every other free pid away before it uses one again.
func (p *Process) Signal(s unix.Signal) error {
	if p.file == nil {
		if p.Ended() {
			return unix.ESRCH
		}
		return unix.Kill(p.named.PID, s)
	}
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

// Command is the command line of the process, each word with a zero byte behind it; empty if it has ended.
func (p *Process) Command() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.named.PID))
	if err != nil || p.Ended() {
		return ""
	}
	return string(text)
}

// Ended reports whether the process has ended. It may be called on nil, which is no process.
func (p *Process) Ended() bool {
	if p == nil {
		return true
	}
	if p.file == nil {
		alive, err := p.named.Alive()
		return err == nil && !alive
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
	if p != nil && p.file != nil {
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
