package dockercli

import (
	"context"
	"io"

	"github.com/docker/docker/pkg/stdcopy"

	"mesos-docker-containerizer/containerizer/engine"
)

// copyOutput copies a stream to the caller until the stream or ctx ends.
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

// onlyReader hides the other methods of a stream from io.Copy.
type onlyReader struct{ io.Reader }

// copyInput copies the caller's input to a stream until the input ends, cannot be read, or the process accepts no more.
func copyInput(call Call, stream *engine.Stream) {
	if _, err := io.Copy(onlyWriter{stream}, call.Stdin); err != nil {
		return
	}
	_ = stream.CloseInput() // it may have ended by itself
}

type onlyWriter struct{ io.Writer }

// followSize sets a terminal to the size of the caller's, at once and after each change, until ctx ends. It ignores errors, because the
// command works without the size.
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
