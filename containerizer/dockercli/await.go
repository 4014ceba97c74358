package dockercli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
)

// output is what is known of a container's output, which the client reads. It belongs to the run's goroutine.
type output struct {
	open bool
	end  protocol.OutputEnd // unless it is open

	// witnessed is that nothing has come between the Engine and us since the stream was opened: then its end is that of the
	// container's output. If it is false the Engine may have been away, which ends streams before that.
	witnessed bool
}

// outputKnown is what the client has from an earlier daemon.
func outputKnown(again *protocol.Again) output {
	if again != nil && again.Output != nil {
		return output{open: again.Output.Open, end: again.Output.End}
	}
	return output{}
}

// Output implements container.Owner: the output is the client's.
func (r *running) Output(stream *os.File, kind container.Stream) error {
	defer stream.Close()
	r.output.open = true
	return r.call.Client.Output(protocol.Output{TTY: kind.TTY, Stdout: r.known.Stdout, Stderr: r.known.Stderr}, stream)
}

// resume hands the client what the Engine's log has from where its last stream broke off. What the log driver does not keep, or
// does not let be read, is lost.
func (r *running) resume(ctx context.Context) error {
	since := r.output.end.Last
	if !since.IsZero() {
		since = since.Add(-outputOverlap)
	}
	file, err := r.Engine.LogOutput(ctx, r.known.ID, since)
	if engine.IsUnavailable(err) || ctx.Err() != nil {
		return err
	}
	r.output.witnessed = true
	if err != nil {
		fmt.Fprintln(r.call.Stderr, "docker: the rest of the output cannot be had:", r.explain(err))
		return nil
	}
	return r.Output(file, container.Stream{TTY: r.known.TTY, Resumed: true})
}

// waited is how a question for the container's end ended.
type waited struct {
	status int64
	err    error
}

// await returns the exit status of the container when the client has all of its output. A container may outlive the Engine
// (live-restore), so an Engine that is away ends nothing: when it is back, the output goes on from its log.
func (r *running) await(ctx context.Context) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	answers := make(chan waited, 1)
	ask := func(after time.Duration) {
		group.Go(func() {
			if after > 0 && pause(ctx, after) != nil {
				return
			}
			status, err := r.Engine.Wait(ctx, r.known.ID)
			answers <- waited{status, err}
		})
	}
	ask(0)
	var exit *waited
	look := time.NewTimer(0) // at a container whose output ended unseen
	defer look.Stop()
	for {
		if exit != nil && !r.output.open {
			if whole, err := r.whole(ctx); err != nil || whole {
				return int(exit.status), err
			}
		}
		select {
		case w := <-answers:
			switch {
			case w.err == nil:
				exit = &w
			case engine.IsUnavailable(w.err) && ctx.Err() == nil:
				r.output.witnessed = r.output.witnessed && !r.output.open && time.Since(r.output.end.Ended) > outputGrace
				look.Reset(outputGrace)
				ask(answerInterval)
			case ctx.Err() == nil:
				return 0, r.failedWith(w.err, "")
			}
		case r.output.end = <-r.call.Client.OutputEnds():
			r.output.open = false
			look.Reset(outputGrace)
		case <-look.C:
			if !r.output.open && !r.output.witnessed && exit == nil && !r.resumeRunning(ctx) {
				look.Reset(answerInterval)
			}
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// resumeRunning resumes the output of a container that runs although its output has ended. It is false if that is to be tried
// again.
func (r *running) resumeRunning(ctx context.Context) bool {
	if time.Since(r.output.end.Ended) < outputGrace {
		return false
	}
	c, err := r.Engine.Inspect(ctx, r.known.ID)
	switch {
	case engine.IsUnavailable(err):
		return false
	case err != nil || !c.State.Running:
		return true // whoever waits for the end sees it
	}
	return r.resume(ctx) == nil
}

// whole reports whether the client has all output of a container that has ended; if not, it gets the rest.
func (r *running) whole(ctx context.Context) (bool, error) {
	if r.output.witnessed {
		return true, nil
	}
	c, err := r.container.Inspect(ctx)
	if errors.Is(err, container.ErrVanished) { // removed since, and its log with it
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if r.output.end.Ended.After(container.FinishedAt(c).Add(-endSlack)) {
		return true, nil
	}
	for {
		if err := r.resume(ctx); !engine.IsUnavailable(err) {
			return !r.output.open, err
		}
		if err := pause(ctx, answerInterval); err != nil {
			return false, err
		}
	}
}
