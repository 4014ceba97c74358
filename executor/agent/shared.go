package agent

import (
	"context"
	"runtime/debug"
	"time"
)

// FirstAllocation bounds what is allocated on the word of a length alone, in bytes; beyond it memory follows the bytes that arrive.
const FirstAllocation = 64 << 10

// largeMessage is the size from which the memory of a message is given back at once instead of at the next collection, which in
// an executor with little to do may be minutes away. Below it a collection costs more than it frees.
const largeMessage = 1 << 20

// ReleaseAfter gives memory back after a message of a size in bytes, if that was large. The caller refers to it no more.
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
