package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// readerInterval is the time in milliseconds between two looks whether the command is over.
const readerInterval = 250

// untilLeft returns a context that ends when the person ends the command (Ctrl-C, SIGTERM), or nothing reads its output any more, as
// with `| head -1`: without it the command would go on until its next write.
func (t terminal) untilLeft() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	output := []unix.PollFd{{Fd: int32(t.stdout.Fd())}} // poll reports errors and hang-ups unasked
	go func() {
		for ctx.Err() == nil {
			if n, _ := unix.Poll(output, readerInterval); n > 0 { // the only error is EINTR
				stop()
			}
		}
	}()
	return ctx, stop
}
