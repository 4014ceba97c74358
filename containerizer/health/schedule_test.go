package health

import (
	"context"
	"sync"
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

// Probes of many containers begin together, each on time: at most a tick late and a quarter of one early.
func TestProbesAreMadeTogether(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec := Spec{
			Delay:    rapid.Custom(milliseconds(0, 3000)).Draw(r, "delay"),
			Interval: rapid.Custom(milliseconds(0, 10_000)).Draw(r, "interval"),
			Timeout:  rapid.Custom(milliseconds(0, 1000)).Draw(r, "timeout"),
		}
		ages := rapid.SliceOfN(rapid.Custom(milliseconds(0, 1000)), 1, 20).Draw(r, "ages")
		takes := rapid.Custom(milliseconds(0, 300)).Draw(r, "takes")
		synctest.Test(t, func(t *testing.T) {
			tick, interval := spec.tick(), max(spec.Interval, shortestInterval)
			if tick > longestTick || tick > interval/20 || spec.Timeout > 4*shortestTick && tick > spec.Timeout/4 {
				t.Fatalf("a tick of %v", tick)
			}
			var checks sync.WaitGroup
			for _, age := range ages {
				checks.Go(func() {
					due := max(spec.Delay-age, 0)
					if age > spec.Delay+interval {
						return // begins at a random moment
					}
					at, _ := times(spec, time.Now().Add(-age), takes, 20*time.Second)
					for _, began := range at {
						if began%tick != 0 || began < due-tick/4 || began >= due+tick {
							t.Errorf("%v with a tick of %v: a probe at %v that was due at %v", spec, tick, began, due)
						}
						due = began + takes + interval
					}
				})
			}
			checks.Wait()
		})
	})
}

func milliseconds(least, most int64) func(*rapid.T) time.Duration {
	return func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(least, most).Draw(t, "ms")) * time.Millisecond
	}
}

func TestFirstWaitIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "ns")) })
		delay, interval, age := seconds.Draw(t, "delay"), max(seconds.Draw(t, "interval"), shortestInterval), seconds.Draw(t, "age")
		wait := firstWait(delay, interval, time.Now().Add(-age))
		overdue, due := age > delay+interval+time.Second, age > delay && age < delay+interval-time.Minute // the test itself takes time
		if wait < 0 || wait > max(delay-age, 0)+longestSpread || overdue && wait >= interval || due && wait != 0 {
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
