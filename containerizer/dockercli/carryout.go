package dockercli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// signalled is why a run ends that got a signal before there was a process to hand it to.
type signalled struct{ signal syscall.Signal }

func (e *signalled) Error() string { return "ended by signal: " + e.signal.String() }

// unforwarded are the signals that concern the client alone.
var unforwarded = map[syscall.Signal]bool{syscall.SIGCHLD: true, syscall.SIGPIPE: true, syscall.SIGURG: true, syscall.SIGWINCH: true}

// watchSignals hands the client's signals to the container, and ends the returned context with a signal that comes before the
// container runs or is not to be handed on.
func (r *running) watchSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case signal := <-r.call.Signals:
				id := r.started.Load()
				switch {
				case unforwarded[signal]:
				case id == nil || !r.line.SigProxy:
					cancel(&signalled{signal})
				default:
					r.forward(ctx, *id, signal)
				}
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// forward sends a signal on. A container that has ended needs none.
func (r *running) forward(ctx context.Context, id string, signal syscall.Signal) {
	err := r.Engine.Kill(ctx, id, strconv.Itoa(int(signal)))
	if err != nil && !engine.IsConflict(err) && !engine.IsNotFound(err) && ctx.Err() == nil {
		r.Logger.Warn("a signal for an executor's container was not delivered",
			zap.String("container", r.name), zap.Stringer("signal", signal), zap.Error(err))
	}
}

// orSignal makes an error the end by a signal if that was its reason.
func (r *running) orSignal(ctx context.Context, err error) error {
	if ended, ok := errors.AsType[*signalled](context.Cause(ctx)); ok && err != nil {
		return exited(128 + int(ended.signal))
	}
	return err
}

// carryOut starts a container and connects it with the caller until it ends. One that was not started by then is removed, if a
// signal was the reason; any other is left, as docker leaves it.
func (r *running) carryOut(ctx context.Context, id string) error {
	config := r.line.Config
	stream, err := r.Engine.Attach(ctx, id, engine.StreamOptions{Stdin: config.AttachStdin, Stdout: config.AttachStdout, Stderr: config.AttachStderr})
	if err != nil {
		return r.notStarted(ctx, id, err)
	}
	defer stream.Close()
	if config.AttachStdin && config.Tty {
		if err := r.call.Terminal.Raw(); err != nil {
			return err
		}
	}
	if err := r.Engine.Start(ctx, id); err != nil {
		return r.notStarted(ctx, id, err)
	}
	r.started.Store(&id)
	if config.AttachStdin {
		go copyInput(r.call, stream) // ends with the caller, who owns the input
	}
	if config.Tty && r.call.Terminal.Stdout {
		go followSize(ctx, r.call, func(ctx context.Context, height, width uint) error {
			return r.Engine.Resize(ctx, id, height, width)
		})
	}
	status, err := r.await(ctx, id, r.follow(ctx, stream))
	if err != nil {
		return r.orSignal(ctx, err)
	}
	if r.line.HostConfig.AutoRemove {
		if err := r.Engine.Remove(ctx, id); err != nil {
			r.Logger.Warn("a container was not removed at its end", zap.String("container", r.name), zap.Error(err))
		}
	}
	return exited(status)
}

// notStarted ends a run whose container was not, or not surely, started.
func (r *running) notStarted(ctx context.Context, id string, err error) error {
	if signal := r.orSignal(ctx, err); signal != err || r.line.HostConfig.AutoRemove {
		// The client may be gone, and its context with it.
		if removeErr := r.Engine.Remove(context.WithoutCancel(ctx), id); removeErr != nil {
			r.Logger.Warn("a container that was not started was not removed", zap.String("container", r.name), zap.Error(removeErr))
		}
		if signal != err {
			return signal
		}
	}
	return r.failedWith(err, "")
}

// follow copies output until it ends, which is said on the channel.
func (r *running) follow(ctx context.Context, stream *engine.Stream) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := copyOutput(ctx, r.call, stream, r.line.Config.Tty); err != nil && ctx.Err() == nil {
			r.Logger.Warn("output of an executor's container was cut short", zap.String("container", r.name), zap.Error(err))
		}
	}()
	return ended
}

// await returns the exit status of the container when all of its output was copied. A container may outlive the Engine
// (live-restore), so an Engine that is away ends nothing: when it is back, the output goes on from its log.
func (r *running) await(ctx context.Context, id string, output <-chan struct{}) (int, error) {
	for {
		status, err := r.Engine.Wait(ctx, id)
		lost := time.Now()
		if engine.IsUnavailable(err) && ctx.Err() == nil {
			<-output
			if output, err = r.resume(ctx, id, lost); err == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			<-output
			return 0, context.Cause(ctx)
		}
		if err != nil {
			return 0, r.failedWith(err, "")
		}
		<-output
		return int(status), nil
	}
}

// resume waits for the Engine and opens the output again where it broke off. What the Engine's log driver does not keep is lost.
func (r *running) resume(ctx context.Context, id string, since time.Time) (<-chan struct{}, error) {
	ended := make(chan struct{})
	close(ended)
	for {
		c, err := r.Engine.Inspect(ctx, id)
		switch {
		case err == nil && !c.State.Running:
			return ended, nil
		case err == nil:
			stream, err := r.Engine.FollowLog(ctx, id, since)
			if engine.IsUnavailable(err) {
				break
			}
			if err != nil {
				fmt.Fprintln(r.call.Stderr, "the rest of the output cannot be had:", r.explain(err))
				return ended, nil
			}
			return r.follow(ctx, stream), nil
		case !engine.IsUnavailable(err):
			return ended, err
		}
		select {
		case <-time.After(answerInterval):
		case <-ctx.Done():
			return ended, context.Cause(ctx)
		}
	}
}
