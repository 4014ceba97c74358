package image

import (
	"context"
	"slices"
	"sync"
)

// slots bounds how many pulls run at once. Who asks first is served first, so that a pull of a large image is not overtaken for
// ever by those of small ones. (semaphore of x/sync does the same; it is these thirty lines and a dependency.)
type slots struct {
	mu    sync.Mutex
	free  int             // guarded by mu
	queue []chan struct{} // guarded by mu: those who wait; closing one gives it the slot
}

// newSlots returns n slots, or nil for no limit.
func newSlots(n int) *slots {
	if n <= 0 {
		return nil
	}
	return &slots{free: n}
}

// take returns when the caller has a slot, which it must give back. It calls waiting, once, if there is none at first. When ctx
// ends before that it returns ctx's error, and the caller has none.
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
		s.passOn() // it was given in the same moment
	}
	return ctx.Err()
}

// give gives a slot back.
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
