package containerizer

import (
	"context"
	"slices"
	"sync"
)

// How many containers are looked at and removed at once: the Engine does such calls one after the other, more or less, and a launch
// behind a thousand of them would wait for all.
const (
	removalsAtOnce       = 4
	removalsBesideLaunch = 1
)

// turns has removals take turns, and leaves the Engine to launches as long as there are any. The zero value is ready.
type turns struct {
	mu       sync.Mutex // guards what follows
	removing int
	launches int
	waiting  []chan struct{} // first come, first served; closed when it is its turn
}

// launch notes a launch until the returned function is called.
func (t *turns) launch() (over func()) {
	t.change(func() { t.launches++ })
	return sync.OnceFunc(func() { t.change(func() { t.launches-- }) })
}

// take waits for a turn, which ends when the returned function is called. The error is the cause of ctx.
func (t *turns) take(ctx context.Context) (over func(), err error) {
	turn := make(chan struct{})
	t.change(func() { t.waiting = append(t.waiting, turn) })
	over = sync.OnceFunc(func() { t.change(func() { t.removing-- }) })
	select {
	case <-turn:
		return over, nil
	case <-ctx.Done():
		t.change(func() {
			if i := slices.Index(t.waiting, turn); i >= 0 {
				t.waiting = slices.Delete(t.waiting, i, i+1)
			} else { // it has just come
				t.removing--
			}
		})
		return nil, context.Cause(ctx)
	}
}

func (t *turns) change(how func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	how()
	limit := removalsAtOnce
	if t.launches > 0 {
		limit = removalsBesideLaunch
	}
	for t.removing < limit && len(t.waiting) > 0 {
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
		t.removing++
	}
}
