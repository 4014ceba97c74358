package localagent

import (
	"context"
	"sync"
)

// record is a list that only grows. Every reader sees every entry, in order, whenever it comes. The lock of its owner guards
// it, the zero value is empty.
type record[T any] struct {
	entries []T
	ended   bool
	changed chan struct{} // closed at the next change; nil while nobody waits
}

// add appends an entry and wakes who waits for it.
func (r *record[T]) add(entry T) {
	r.entries = append(r.entries, entry)
	r.wake()
}

// end says that no entry will follow.
func (r *record[T]) end() {
	r.ended = true
	r.wake()
}

func (r *record[T]) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// at waits for entry i. It fails with ctx's error, or with ErrClosed if the record ended before. It takes mu, the lock that
// guards the record.
func (r *record[T]) at(ctx context.Context, mu *sync.Mutex, i int) (T, error) {
	for {
		mu.Lock()
		if i < len(r.entries) {
			entry := r.entries[i]
			mu.Unlock()
			return entry, nil
		}
		if r.ended {
			mu.Unlock()
			var none T
			return none, ErrClosed
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		mu.Unlock()

		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}
