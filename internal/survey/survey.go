// Package survey makes costly looks at the whole host once for all who ask at the same time.
package survey

import (
	"sync"
	"sync/atomic"
)

// Survey is one kind of look. Each look that blocks in the kernel keeps a thread, which a Go program never gives back, so there is
// one at a time, and those who came before it began share its result. The zero value is ready.
type Survey[T any] struct {
	asked  atomic.Uint64
	mu     sync.Mutex // guards what follows, and is held during a look
	covers uint64     // of those who have asked, how many had when the last look began
	last   T
}

// Get returns the result of a look that began after the call. It is shared and must not be changed.
func (s *Survey[T]) Get(look func() T) T {
	mine := s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.covers < mine {
		s.covers = s.asked.Load()
		s.last = look()
	}
	return s.last
}
