package health

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// times runs a schedule for a while and returns when its probes began, each of which takes as long as said.
func times(spec Spec, started time.Time, takes, until time.Duration) (at []time.Duration, reported int) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), until)
	defer cancel()
	probing := false
	schedule(ctx, spec, started, func(ctx context.Context) Result {
		if probing {
			panic("two probes at a time")
		}
		probing = true
		at = append(at, time.Since(began))
		pause(ctx, takes)
		probing = false
		return Result{}
	}, func(Result) { reported++ })
	return at, reported
}

func TestSchedule(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		spec     Spec
		age      time.Duration // of the container; negative when the clock was set back
		takes    time.Duration
		until    time.Duration
		want     []time.Duration
		reported int
	}{
		"delay, then intervals from end to begin": {Spec{Delay: 5 * second, Interval: 2 * second}, 0, second, 11500 * time.Millisecond, []time.Duration{5 * second, 8 * second, 11 * second}, 2},
		"started a while ago":                     {Spec{Delay: 5 * second, Interval: 2 * second}, 4 * second, 0, 4 * second, []time.Duration{second, 3 * second}, 2},
		"overdue":                                 {Spec{Delay: 0, Interval: 2 * second}, second, 0, second, []time.Duration{0}, 1},
		"clock set back":                          {Spec{Delay: 5 * second, Interval: 2 * second}, -3600 * second, 0, 6 * second, []time.Duration{5 * second}, 1},
		"interrupted in the delay":                {Spec{Delay: 5 * second, Interval: 2 * second}, 0, 0, 3 * second, nil, 0},
		"interrupted in a probe":                  {Spec{Interval: second}, 0, 3600 * second, 3 * second, []time.Duration{0}, 0},
		"no interval":                             {Spec{}, 0, 0, 250 * time.Millisecond, []time.Duration{0, shortestInterval, 2 * shortestInterval}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, reported := times(c.spec, time.Now().Add(-c.age), c.takes, c.until)
				if diff := cmp.Diff(c.want, at); diff != "" || reported != c.reported {
					t.Errorf("%d reported, %s", reported, diff)
				}
			})
		})
	}
}

func TestFirstWaitIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "ns")) })
		delay, interval, age := seconds.Draw(t, "delay"), max(seconds.Draw(t, "interval"), shortestInterval), seconds.Draw(t, "age")
		wait := firstWait(delay, interval, time.Now().Add(-age))
		overdue := age > delay+interval+time.Second
		if wait < 0 || wait > max(delay-age, 0)+longestSpread || overdue && wait >= interval || !overdue && age > delay && age < delay+interval && wait != 0 {
			t.Fatalf("%v", wait)
		}
	})
}

// Containers that are found after a restart are not all probed at once.
func TestSpread(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 50 {
		seen[firstWait(0, time.Second, time.Now().Add(-time.Hour))] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d different times out of 50", len(seen))
	}
}
