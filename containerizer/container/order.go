package container

import (
	"context"
	"sync"
	"time"
)

// StopOrder is what was asked about the end of one container: its stop signal at once, SIGKILL at a deadline. A later order replaces
// an earlier one. It is safe for concurrent use. Of a nil order nothing ever comes.
type StopOrder struct {
	mu       sync.Mutex // guards deadline and changed
	deadline time.Time
	changed  chan struct{} // closed and replaced with each order

	once    sync.Once
	ordered chan struct{} // closed with the first order
}

// NewStopOrder returns an order that was not given yet.
func NewStopOrder() *StopOrder {
	return &StopOrder{changed: make(chan struct{}), ordered: make(chan struct{})}
}

// Order asks for the end: the stop signal now, SIGKILL at the deadline.
func (o *StopOrder) Order(deadline time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deadline = deadline
	close(o.changed)
	o.changed = make(chan struct{})
	o.once.Do(func() { close(o.ordered) })
}

// AtLatest asks for the end without giving more time than was given already.
func (o *StopOrder) AtLatest(deadline time.Time) {
	if ordered, _ := o.Current(); ordered.IsZero() || deadline.Before(ordered) {
		o.Order(deadline)
	}
}

// Ordered is closed with the first order.
func (o *StopOrder) Ordered() <-chan struct{} {
	if o == nil {
		return nil
	}
	return o.ordered
}

// Deadline is that of the last order, zero before the first.
func (o *StopOrder) Deadline() time.Time {
	deadline, _ := o.Current()
	return deadline
}

// Current returns the deadline and a channel that is closed when it changes.
func (o *StopOrder) Current() (time.Time, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.deadline, o.changed
}

// Overdue returns nil once the deadline, as changed since, has passed, or the error of ctx.
func (o *StopOrder) Overdue(ctx context.Context) error {
	select {
	case <-o.Ordered():
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		deadline, changed := o.Current()
		timer := time.NewTimer(time.Until(deadline))
		select {
		case <-timer.C:
			return nil
		case <-changed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
