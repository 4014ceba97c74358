package dockercli

import (
	"context"
	"os"
	"sync"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
)

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
