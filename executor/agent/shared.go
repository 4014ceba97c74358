package agent

import (
	"context"
	"runtime/debug"
	"time"
)

// FirstAllocation, in bytes, bounds the allocation for an announced length. Beyond it memory grows with the bytes that arrive.
const FirstAllocation = 64 << 10

// largeMessage is the size from which the memory of a message is freed at once. The next collection of an idle executor may be minutes
// away. Below this size a collection costs more than it frees.
const largeMessage = 1 << 20

// ReleaseAfter frees memory after a large message; size is in bytes. The caller must hold no reference to the message.
func ReleaseAfter(size int) {
	if size >= largeMessage {
		debug.FreeOSMemory()
	}
}

// Sleep returns nil after a time, or the error of ctx when that ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
