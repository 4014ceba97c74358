package containerizer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"mesos-docker-containerizer/containerizer/container"
)

// prepareTimeoutError says that the time for a preparation was over.
type prepareTimeoutError struct {
	limit  time.Duration
	source string
	phase  string
}

func (e *prepareTimeoutError) Error() string {
	return fmt.Sprintf("Container was not started within %v (%s); it got as far as: %s", e.limit, e.source, e.phase)
}

// startPatience is how long after a kill's deadline the answer to a start is waited for. A container that the Engine starts meanwhile
// ends as any that is killed, and its output is not lost. The owner has to tell of the end within 5 s of the deadline.
const startPatience = 4 * time.Second

// bound limits a preparation to its deadline and, once a kill was asked for, to the kill's deadline, or startPatience more. The reason
// it ended for is its cause.
func (s *session) bound(ctx context.Context, deadline time.Time) (context.Context, func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		if container.Pause(bounded, time.Until(deadline)) == nil {
			cancel(&prepareTimeoutError{limit: s.server.options.PrepareTimeout, source: s.server.options.PrepareSource, phase: s.at.String()})
		}
	})
	group.Go(func() {
		if s.container.AwaitStopDeadline(bounded) == nil && (!s.starting.Load() || container.Pause(bounded, startPatience) == nil) {
			cancel(container.ErrStopped)
		}
	})
	return bounded, func() {
		cancel(nil)
		group.Wait()
	}
}

// cancelOn derives a context that ends, for the given reason, with what the channel announces.
func cancelOn(ctx context.Context, announced <-chan struct{}, reason error) (context.Context, func()) {
	derived, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		select {
		case <-announced:
			cancel(reason)
		case <-derived.Done():
		}
	})
	return derived, func() {
		cancel(nil)
		group.Wait()
	}
}
