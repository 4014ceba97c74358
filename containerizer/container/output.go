package container

import (
	"context"
	"os"
)

// AttachOutput gives the owner the output of the container, which has not been started, from its first byte on. An attach whose
// answer was lost is made again: nothing has come of it yet.
func (c *Container) AttachOutput(ctx context.Context) error {
	var stream *os.File
	if err := RetryWhileUnavailable(ctx, c.Patience, func(ctx context.Context) (err error) {
		stream, err = c.Engine.AttachOutput(ctx, c.id)
		return err
	}); err != nil {
		return err
	}
	return c.Owner.Output(stream, Stream{TTY: c.tty})
}
