package container

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/moby/sys/signal"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/engine"
)

const (
	// SignalPatience is how long the Engine may take over a signal before the process is signalled directly.
	SignalPatience = 3 * time.Second

	// silentPatience is the same where the Engine was silent over the signal before.
	silentPatience = 200 * time.Millisecond

	// killRepeat is the time between two SIGKILLs to a container that does not end.
	killRepeat = 5 * time.Second
)

// StopOrder asks for the end of a container: its stop signal, and SIGKILL at Deadline, but not before the signal was sent for as
// long as Grace. An order may come late, from an executor whose daemon was away, or to an Engine that was.
type StopOrder struct {
	Deadline time.Time
	Grace    time.Duration // zero if only the deadline counts
	Sent     time.Time     // when the stop signal was sent; zero if it was not
}

// killAt is when SIGKILL is due, if the stop signal is sent now at the latest.
func (o StopOrder) killAt() time.Time {
	sent := o.Sent
	if sent.IsZero() {
		sent = time.Now()
	}
	if due := sent.Add(o.Grace); due.After(o.Deadline) {
		return due
	}
	return o.Deadline
}

// within is the order, by a clock that may have been set back since it was given, for instance while there was no daemon: a signal was not
// sent after now, and no deadline is further away than the grace.
func (o StopOrder) within(now time.Time) StopOrder {
	if !o.Sent.IsZero() {
		o.Sent = earlier(o.Sent, now)
	}
	if o.Grace > 0 {
		o.Deadline = earlier(o.Deadline, now.Add(o.Grace))
	}
	return o
}

// stop is what was asked about the end of a container. A later order replaces an earlier one.
type stop struct {
	mu      sync.Mutex // guards order, due and changed
	order   StopOrder
	due     time.Time     // when SIGKILL was due as the order came; zero without an order
	changed chan struct{} // closed and replaced with each order

	once    sync.Once
	ordered chan struct{} // closed with the first order
}

// Stop asks for the container's end. A later order replaces an earlier one, and has the signal sent again, as a repeated `docker stop`
// does, unless it says that it was sent. Before the start it ends Create and Start. It may be called by any goroutine.
func (c *Container) Stop(order StopOrder) {
	c.stop.replace(order, func(StopOrder) bool { return true })
}

// StopWithin orders a stop from now on, unless one was ordered that comes earlier.
func (c *Container) StopWithin(grace time.Duration) {
	order := StopOrder{Deadline: time.Now().Add(grace), Grace: grace}
	c.stop.replace(order, func(earlier StopOrder) bool { return order.Deadline.Before(earlier.killAt()) })
}

// replace takes an order if it is the first, or wins over the one before.
func (o *stop) replace(order StopOrder, wins func(over StopOrder) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.due.IsZero() && !wins(o.order) {
		return
	}
	o.order = order.within(time.Now())
	o.due = later(o.order.killAt(), time.Now())
	close(o.changed)
	o.changed = make(chan struct{})
	o.once.Do(func() { close(o.ordered) })
}

// Stopping is closed with the first stop.
func (c *Container) Stopping() <-chan struct{} { return c.stop.ordered }

// StopOrdered reports whether a stop was asked for.
func (c *Container) StopOrdered() bool {
	select {
	case <-c.stop.ordered:
		return true
	default:
		return false
	}
}

// StopDeadline is that of the last stop, zero before the first.
func (c *Container) StopDeadline() time.Time {
	order, _ := c.stop.current()
	return order.Deadline
}

// GraceLeft is how long a container that runs may still take to end by itself; without a stop as long as a given grace.
func (c *Container) GraceLeft(grace time.Duration) time.Duration {
	if !c.StopOrdered() {
		return grace
	}
	order, _ := c.stop.current()
	return max(0, time.Until(order.killAt()))
}

// current returns the last order and a channel that is closed when it changes.
func (o *stop) current() (StopOrder, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.order, o.changed
}

// dueAt is when SIGKILL to the container is to be sent, or was, by an Engine that does not hang; zero without an order. An order that
// came late is carried out when it comes.
func (o *stop) dueAt() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.due
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sent notes when the stop signal of an order was sent, unless there is another by now.
func (o *stop) sent(order StopOrder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.order.Deadline.Equal(order.Deadline) {
		o.order.Sent = order.Sent
	}
}

// AwaitStopDeadline returns nil once a stop was asked for and its deadline, as changed since, has passed, or the error of ctx.
func (c *Container) AwaitStopDeadline(ctx context.Context) error {
	select {
	case <-c.stop.ordered:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		order, changed := c.stop.current()
		if over, err := sleepUntil(ctx, order.Deadline, changed); over || err != nil {
			return err
		}
	}
}

// sleepUntil reports whether a deadline has passed: it has not where it was changed before.
func sleepUntil(ctx context.Context, deadline time.Time, changed <-chan struct{}) (passed bool, err error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, nil
	case <-changed:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// enforceStop carries out the stops of a container that runs until ctx ends, which is when it is known to have ended.
func (c *Container) enforceStop(ctx context.Context, stopSignal string) {
	if stopSignal == "" {
		stopSignal = "SIGTERM"
	}
	select {
	case <-c.stop.ordered:
	case <-ctx.Done():
		return
	}
	for {
		order, changed := c.stop.current()
		if order.Sent.IsZero() && time.Until(order.killAt()) > 0 {
			c.options.Logger.Info("stopping container", zap.String("signal", stopSignal), zap.Time("deadline", order.killAt()))
			// A failure is logged, and SIGKILL follows.
			err := c.signal(ctx, stopSignal, min(SignalPatience, time.Until(order.killAt())))
			order.Sent = time.Now()
			c.stop.sent(order)
			if err == nil && c.options.StopSent != nil {
				c.options.StopSent(order)
			}
		}
		passed, err := sleepUntil(ctx, order.killAt(), changed)
		if err != nil {
			return
		}
		if passed {
			break
		}
	}
	c.options.Logger.Info("killing container")
	for {
		_ = c.Signal(ctx, "SIGKILL")
		if Pause(ctx, killRepeat) != nil {
			return
		}
		c.options.Logger.Warn("container has not ended after SIGKILL; sending it again")
	}
}

// Signal sends a signal ("SIGTERM", "TERM" or "15") to the container's first process: through the Engine and, while Wait watches the
// process, past an Engine that does not answer, or does not know the container. A container that does not run needs none. It may be
// called by any goroutine.
func (c *Container) Signal(ctx context.Context, name string) error {
	return c.signal(ctx, name, SignalPatience)
}

// signal is Signal with a patience of its own.
func (c *Container) signal(ctx context.Context, name string, patience time.Duration) error {
	process := c.process.Load()
	if c.silent.Load() && process != nil {
		patience = min(patience, silentPatience)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.options.Engine.Kill(limited, c.id, name)
	c.silent.Store(engine.IsUnavailable(err))
	forgotten := engine.IsNotFound(err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case forgotten && process.Ended(), engine.IsConflict(err):
		c.Look() // it does not run: why?
		return nil
	}
	c.options.Logger.Warn("the Engine does not deliver a signal", zap.String("signal", name), zap.Error(err))
	if process == nil {
		return err
	}
	number, err := signal.ParseSignal(name)
	if err == nil {
		err = process.Signal(unix.Signal(number))
	}
	if forgotten && number == syscall.SIGKILL {
		killAll(c.id, c.options.Logger) // the Engine would not leave any either
	}
	switch {
	case errors.Is(err, unix.ESRCH):
		c.Look() // it has ended, which the Engine has yet to say
		return nil
	case err != nil:
		c.options.Logger.Warn("the container's process cannot be signalled", zap.String("signal", name), zap.Error(err))
	}
	return err
}
