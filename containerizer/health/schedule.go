package health

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// shortestInterval bounds the load of a check with an interval of 0.
	shortestInterval = 100 * time.Millisecond

	// longestSpread bounds the wait for the first probe of an older container after a restart of the daemon, which finds all
	// containers of the host at once.
	longestSpread = 10 * time.Second
)

// Run probes a container until ctx ends and calls report with each result, one at a time. The first probe comes Delay after the
// start of the container (the zero time means now), each further probe Interval after the end of the previous one (contract
// 4.2). If several probes are overdue, the first comes at a random moment within min(Interval, longestSpread). A probe that ctx
// interrupts has no result. Run returns when ctx has ended and the last command is killed, within settleLimit.
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

// firstWait returns the time until the first probe, at most the delay even if the clock was set back.
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

// pause waits, and reports false if ctx ends.
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
