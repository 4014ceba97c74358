package image

import (
	"context"
	"slices"
	"sync"
)

// slots bounds the number of pulls that run at once, first come, first served. (semaphore of x/sync would be a dependency for
// thirty lines.)
type slots struct {
	mu    sync.Mutex
	free  int             // guarded by mu
	queue []chan struct{} // guarded by mu: waiters; closing a channel gives its waiter the slot
}

// newSlots returns n slots, or nil for no limit.
func newSlots(n int) *slots {
	if n <= 0 {
		return nil
	}
	return &slots{free: n}
}

// take acquires a slot, which the caller must release with give. It calls waiting, once, if no slot is free. If ctx ends first it
// returns ctx's error, and the caller has no slot.
func (s *slots) take(ctx context.Context, waiting func()) error {
	if s == nil {
		return ctx.Err()
	}
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.mu.Unlock()
	waiting()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, turn); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	} else {
		s.passOn() // the slot came at the same moment
	}
	return ctx.Err()
}

// give releases a slot.
func (s *slots) give() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passOn()
}

// passOn needs s.mu.
func (s *slots) passOn() {
	if len(s.queue) == 0 {
		s.free++
		return
	}
	close(s.queue[0])
	s.queue = s.queue[1:]
}
