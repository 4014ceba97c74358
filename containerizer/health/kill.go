package health

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/pidfd"
)

const (
	// settleLimit bounds the kill of a command that timed out, so that a hung Engine does not delay the end of a session.
	settleLimit = 3 * time.Second

	// mostSweeps bounds the sweeps for processes that start during the kill.
	mostSweeps = 20
)

// settle kills the command that timed out, if any.
//
// The Engine may still have a cancelled request to start the command, and may start it at any later time. So settle starts a command
// that has not started: the Engine starts each command once only, and a command that has started can be killed.
func (p *prober) settle(ctx context.Context) error {
	if p.leftover == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	var refused error // why the Engine did not start it here
	for claimed := false; ; {
		state, err := p.target.Engine.InspectExec(ctx, p.leftover)
		switch {
		case err != nil && !errors.Is(err, errdefs.ErrNotFound):
			return err
		case err != nil: // The container has ended, or the Engine has been restarted without it.
		case state.Pid > 0:
			// The process may have ended, but others in its session hold its output.
			if err := killSession(ctx, state.Pid, p.target.ContainerID); err != nil {
				return err
			}
		case state.Running: // It has no pid yet.
			if !pause(ctx, settlePause) {
				return ctx.Err()
			}
			continue
		case state.ExitCode != 0: // It could not be started, and cannot be a second time.
		case claimed:
			// A paused container refuses now and not later.
			return cmp.Or(refused, errNotStarted)
		default:
			claimed = true
			if refused = p.target.Engine.StartExecDetached(ctx, p.leftover, false); outcomeUnknown(refused) {
				return refused
			}
			continue
		}
		p.leftover = ""
		return nil
	}
}

var errNotStarted = errors.New("the Engine has started it and knows no process")

// outcomeUnknown tells that the Engine may have done, or may do later, what it was asked to.
func outcomeUnknown(err error) bool {
	return errors.Is(err, errdefs.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// killSession kills the processes of a command. Every runtime calls setsid for a process that it adds to a container, so the
// processes that the command starts have its pid as their session ID. The kernel does not reuse that number while one of them lives.
// A process that has called setsid itself is not killed.
func killSession(ctx context.Context, leader int, container string) error {
	for range mostSweeps {
		found, err := sweepSession(leader, container)
		if err != nil {
			return err
		}
		if !found {
			return nil
		}
		if !pause(ctx, settlePause) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("processes of session %d do not end", leader)
}

// sweepSession kills the processes that are in the session now, and reports whether there were any.
func sweepSession(leader int, container string) (found bool, err error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return false, err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return false, err
	}
	var failed error
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || !inSession(pid, leader) {
			continue
		}
		switch err := killMember(pid, leader, container); {
		case errors.Is(err, unix.ESRCH), errors.Is(err, os.ErrNotExist): // it has ended
		case errors.Is(err, pidfd.ErrElsewhere): // the number belongs to another session
		case err != nil:
			failed = errors.Join(failed, err)
		default:
			found = true
		}
	}
	return found, failed
}

// killMember opens a process and kills it if it is still in the session and the container.
func killMember(pid, leader int, container string) error {
	process, err := pidfd.OpenContainer(pid, container)
	if err != nil {
		return err
	}
	defer process.Close()
	if !inSession(pid, leader) {
		return os.ErrNotExist
	}
	return process.Signal(unix.SIGKILL)
}

// inSession reports whether a process runs and is in a session.
func inSession(pid, leader int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// The second field is the program's name in parentheses, which may contain blanks and parentheses.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, session = 0, 3 // fields 3 and 6 of the line
	if len(fields) <= session || fields[state][0] == 'Z' || fields[state][0] == 'X' {
		return false
	}
	return string(fields[session]) == strconv.Itoa(leader)
}
