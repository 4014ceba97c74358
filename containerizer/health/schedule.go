package health

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// shortestInterval keeps a check with an interval of nothing from taking a processor for itself.
	shortestInterval = 100 * time.Millisecond

	// longestSpread bounds how long a container that has been running for long waits for a probe after a restart of the daemon,
	// which finds all containers of the host at once.
	longestSpread = 10 * time.Second
)

// Run probes a container until ctx ends, and calls report with each result, never two at a time. The first probe comes a delay
// after the container has started (the zero time for now), each other an interval after the end of the one before (contract
// 4.2). Where several would have been made before Run was called, the first comes at a random moment soon. A probe that
// ctx interrupts has no result. Run returns when ctx has ended and the last command was killed, which takes a moment at most.
func Run(ctx context.Context, spec Spec, target Target, started time.Time, report func(Result)) {
	p := newProber(spec, target)
	schedule(ctx, spec, started, p.probe, report)
}

func schedule(ctx context.Context, spec Spec, started time.Time, probe func(context.Context) Result, report func(Result)) {
	interval := max(spec.Interval, shortestInterval)
	for wait := firstWait(spec.Delay, interval, started); pause(ctx, wait); wait = interval {
		result := probe(ctx)
		if ctx.Err() != nil {
			return
		}
		report(result)
	}
}

// firstWait returns the time until the first probe. A clock that was set back makes it no longer than the delay.
func firstWait(delay, interval time.Duration, started time.Time) time.Duration {
	if started.IsZero() {
		return delay
	}
	age := max(time.Since(started), 0)
	if age > delay && age-delay > interval {
		return rand.N(min(interval, longestSpread))
	}
	return max(delay-age, 0)
}

// pause waits, and tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
