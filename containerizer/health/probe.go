package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// prober makes the probes of one check, one after another.
type prober struct {
	spec     Spec
	target   Target
	network  containerNetwork
	request  *http.Request // of an HTTP check, nil before the first probe
	text     []byte        // of the request, as it is sent
	what     string        // names the request in messages
	leftover string        // exec ID of a command that timed out and may still run
}

// newProber returns a prober, whose network the caller closes.
func newProber(spec Spec, target Target) *prober {
	return &prober{spec: spec, target: target, network: containerNetwork{target: target}}
}

// probe makes one probe within its timeout.
func (p *prober) probe(session context.Context) (result Result) {
	var ctx context.Context
	var cancel context.CancelFunc
	if p.spec.Timeout > 0 {
		ctx, cancel = context.WithTimeout(session, p.spec.Timeout)
	} else {
		ctx, cancel = context.WithCancel(session)
	}
	defer cancel()
	defer func() {
		if !result.Succeeded {
			p.network.close() // the process may have moved to another network
		}
	}()
	switch p.spec.Kind {
	case HTTP:
		return p.http(ctx)
	case TCP:
		return p.tcp(ctx)
	case Command:
		return p.command(ctx)
	default:
		return Result{Message: fmt.Sprintf("checks of kind %d are not supported", p.spec.Kind)}
	}
}

// failed returns the result of a probe that failed with err; what names the attempt.
func (p *prober) failed(ctx context.Context, what string, err error) Result {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Result{Message: what + " timed out after " + durationText(p.spec.Timeout)}
	}
	return Result{Message: what + ": " + oneLine(err.Error())}
}

// portError returns an error for an invalid port.
func portError(port uint32) error {
	if port == 0 || port > 65535 {
		return fmt.Errorf("port %d is not between 1 and 65535", port)
	}
	return nil
}

// durationText formats a duration as Mesos does.
func durationText(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + "ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "secs"
}

// longestQuote bounds foreign text in a message.
const longestQuote = 500

// oneLine makes foreign text fit for a message: one line, valid UTF-8, bounded.
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return bounded(strings.TrimSpace(clean))
}

// bounded truncates a text to longestQuote bytes.
func bounded(text string) string {
	if len(text) <= longestQuote {
		return text
	}
	return strings.ToValidUTF8(text[:longestQuote], "") + "..."
}

const (
	// shortestInterval bounds the load of a check with an interval of 0.
	shortestInterval = 100 * time.Millisecond

	// longestTick is the most that a probe, and the reading of its answer, wait for others: to wake a thread costs more than a probe.
	longestTick = 50 * time.Millisecond

	// shortestTick is that of checks with a tiny timeout.
	shortestTick = longestTick / 64

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
	defer p.network.close()
	schedule(ctx, spec, started, p.probe, report)
}

// tick divides the host's time for the probes of a check: they begin at multiples of it, at most a quarter of one early. It is longestTick
// halved as often as interval and timeout want, so that checks with different ones still share moments.
func (s Spec) tick() time.Duration {
	limit := max(s.Interval, shortestInterval) / 20
	if s.Timeout > 0 {
		limit = min(limit, s.Timeout/4)
	}
	tick := longestTick
	for tick > limit && tick > shortestTick {
		tick /= 2
	}
	return tick
}

func schedule(ctx context.Context, spec Spec, started time.Time, probe func(context.Context) Result, report func(Result)) {
	interval := max(spec.Interval, shortestInterval)
	tick := spec.tick()
	for wait := firstWait(spec.Delay, interval, started); pauseToTick(ctx, wait-tick/4, tick); wait = interval {
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

// pauseToTick is pause to the first multiple of a tick after d.
func pauseToTick(ctx context.Context, d, tick time.Duration) bool {
	after := time.Duration(time.Now().Add(d).UnixNano())
	return pause(ctx, d+(tick-after%tick)%tick)
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
