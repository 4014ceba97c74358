package dockercli

import (
	"context"
	"io"

	"github.com/docker/docker/pkg/stdcopy"

	"mesos-docker-containerizer/containerizer/engine"
)

// copyOutput writes what comes on a stream to the caller until it ends, or ctx does.
func copyOutput(ctx context.Context, call Call, stream *engine.Stream, tty bool) error {
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	var err error
	if tty {
		_, err = io.Copy(call.Stdout, onlyReader{stream})
	} else {
		_, err = stdcopy.StdCopy(call.Stdout, call.Stderr, stream)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// onlyReader hides what else a stream can do: a copy is to read it and no more.
type onlyReader struct{ io.Reader }

// copyInput writes the caller's input to a stream until it ends. An input that cannot be read has ended, and a stream that takes
// no more is that of a process that has.
func copyInput(call Call, stream *engine.Stream) {
	if _, err := io.Copy(onlyWriter{stream}, call.Stdin); err != nil {
		return
	}
	_ = stream.CloseInput() // it may have ended by itself
}

type onlyWriter struct{ io.Writer }

// followSize gives a terminal the size of the caller's, at once and after each change, until ctx ends. What it is good for works
// without it, so errors do not matter.
func followSize(ctx context.Context, call Call, resize func(ctx context.Context, height, width uint) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-call.Terminal.Sizes:
			if !ok {
				return
			}
			_ = resize(ctx, size.Height, size.Width)
		}
	}
}
