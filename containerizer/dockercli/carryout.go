package dockercli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
)

// signalled is the error of a run that got a signal before its process was started.
type signalled struct{ signal syscall.Signal }

func (e *signalled) Error() string { return "ended by signal: " + e.signal.String() }

// unforwarded are the signals that concern the client alone.
var unforwarded = map[syscall.Signal]bool{syscall.SIGCHLD: true, syscall.SIGPIPE: true, syscall.SIGURG: true, syscall.SIGWINCH: true}

// watchSignals passes the client's signals to the container. A signal that comes before the container runs, or that must not be passed
// on, ends the returned context.
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
				switch {
				case unforwarded[signal]:
				case !r.started.Load() || !r.known.SigProxy:
					cancel(&signalled{signal})
				default:
					r.forward(ctx, signal)
				}
				if ctx.Err() == nil {
					r.call.Client.SignalTaken(signal)
				}
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// forward sends a signal to the container, and retries while the Engine does not answer.
func (r *running) forward(ctx context.Context, signal syscall.Signal) {
	err := container.RetryWhileUnavailable(ctx, r.patience, func(ctx context.Context) error {
		return r.container.Signal(ctx, strconv.Itoa(int(signal)))
	})
	if err != nil && ctx.Err() == nil {
		r.options.Logger.Warn("a signal for an executor's container was not delivered",
			zap.String("container", r.known.Name), zap.Stringer("signal", signal), zap.Error(err))
	}
}

// orSignal returns the exit status of a signal if that was the reason for the error.
func (r *running) orSignal(ctx context.Context, err error) error {
	if ended, ok := errors.AsType[*signalled](context.Cause(ctx)); ok && err != nil {
		return exited(128 + int(ended.signal))
	}
	return err
}

// carryOut waits for the end of the container; started is nil if it has to be started first. If a signal prevents the start, carryOut
// removes the container. Otherwise it leaves one that did not start, as docker does.
func (r *running) carryOut(ctx context.Context, started *engine.Container) error {
	if r.known.Detach {
		return r.carryOutDetached(ctx, started)
	}
	if started == nil {
		if err := r.begin(ctx); err != nil {
			return r.notStarted(ctx, err)
		}
	}
	if r.known.TTY && r.call.Terminal.Stdout {
		go followSize(ctx, r.call, func(ctx context.Context, height, width uint) error {
			return r.options.Engine.Resize(ctx, r.known.ID, height, width)
		})
	}
	status, err := r.await(ctx, started)
	if err != nil {
		if r.known.SigProxy && r.orSignal(ctx, err) != err { // it came before the start was known, and reached nothing
			return r.notStarted(ctx, err)
		}
		return r.orSignal(ctx, err)
	}
	if r.known.Remove {
		if err := r.container.Remove(ctx); err != nil {
			r.options.Logger.Warn("a container was not removed at its end", zap.String("container", r.known.Name), zap.Error(err))
		}
	}
	return exited(status)
}

// carryOutDetached prints the container's id last, so that the client of a daemon that is lost before has not printed it yet.
func (r *running) carryOutDetached(ctx context.Context, started *engine.Container) error {
	var err error
	if started == nil {
		err = r.failedWith(r.container.Start(ctx), "")
	}
	fmt.Fprintln(r.call.Stdout, r.known.ID)
	return err
}

// begin hands the output over and then starts the container, so that the client gets every byte, and a started container always has a
// client with its output.
func (r *running) begin(ctx context.Context) error {
	if !r.outputKnown().Open {
		if err := r.container.AttachOutput(ctx); err != nil {
			return err
		}
	}
	var input *engine.Stream
	if r.known.Stdin {
		var err error
		if input, err = r.options.Engine.AttachInput(ctx, r.known.ID); err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = input.Close() }) // with the run
		if r.known.TTY {
			if err := r.call.Terminal.Raw(); err != nil {
				return err
			}
		}
	}
	if err := r.container.Start(ctx); err != nil {
		return err
	}
	r.started.Store(true)
	if input != nil {
		go copyInput(r.call, input) // ends with the caller, who owns the input
	}
	return nil
}

// notStarted ends a run whose container was not started, or perhaps not, or was started too late for a signal. If the client or the
// daemon goes away, the container stays for the client's next call.
func (r *running) notStarted(ctx context.Context, err error) error {
	signal := r.orSignal(ctx, err)
	if signal != err || r.known.Remove && ctx.Err() == nil {
		// The signal has ended the context.
		if removeErr := r.container.Remove(context.WithoutCancel(ctx)); removeErr != nil {
			r.options.Logger.Warn("a container that was not started was not removed", zap.String("container", r.known.Name), zap.Error(removeErr))
		}
	}
	if signal != err {
		return signal
	}
	return r.failedWith(err, "")
}

// outputKnown is what the client has from an earlier daemon.
func (r *running) outputKnown() protocol.OutputState {
	if again := r.call.Again; again != nil && again.Output != nil {
		return *again.Output
	}
	return protocol.OutputState{}
}

// outputEnd is what the client says of the end of a stream.
func outputEnd(end protocol.OutputEnd) container.OutputEnd {
	return container.OutputEnd{Last: end.Last, Ended: end.Ended}
}

// Output implements container.Owner: the output is the client's.
func (r *running) Output(stream *os.File, kind container.Stream) error {
	defer stream.Close()
	return r.call.Client.Output(protocol.Output{TTY: kind.TTY, Stdout: r.known.Stdout, Stderr: r.known.Stderr}, stream)
}

// await returns the exit status of the container when the client has all of its output. A container may outlive the Engine
// (live-restore), so an Engine that is away ends nothing. A container that was started just now has not been inspected: it is nil.
func (r *running) await(ctx context.Context, started *engine.Container) (int, error) {
	waiting, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		for {
			select {
			case end := <-r.call.Client.OutputEnds():
				r.container.OutputEnded(outputEnd(end))
			case <-waiting.Done():
				return
			}
		}
	})
	var err error
	if started == nil {
		started, err = r.container.Inspect(ctx)
	}
	var end container.End
	if err == nil {
		end, err = r.container.Wait(ctx, started)
	}
	if err != nil && ctx.Err() == nil {
		err = r.failedWith(err, "")
	}
	return end.Code, err
}
