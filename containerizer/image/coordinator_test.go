package image

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnePullForManyWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCoordinator(func() {})
		var begun atomic.Int32
		finish := make(chan error)
		work := func(_ context.Context, report func(Progress), _ func() []string) error {
			begun.Add(1)
			report(Progress{Layers: 1})
			return <-finish
		}
		results := make(chan error, 50)
		var seen atomic.Int32
		for range cap(results) {
			go func() {
				_, err := c.do(t.Context(), c.key("app", "", ""), "", func(p Progress) {
					if p.Layers == 1 {
						seen.Add(1)
					}
				}, work)
				results <- err
			}()
		}
		synctest.Wait()
		failure := errors.New("failure")
		finish <- failure
		for range cap(results) {
			if err := <-results; err != failure {
				t.Error(err)
			}
		}
		if begun.Load() != 1 || seen.Load() != 50 {
			t.Errorf("%d pulls, progress seen by %d", begun.Load(), seen.Load())
		}
		// The next request begins anew.
		go func() { finish <- nil }()
		if _, err := c.do(t.Context(), c.key("app", "", ""), "", nil, work); err != nil || begun.Load() != 2 {
			t.Errorf("%d pulls, %v", begun.Load(), err)
		}
	})
}

func TestDifferentPullsAreNotShared(t *testing.T) {
	a, b := newCoordinator(func() {}), newCoordinator(func() {})
	keys := map[key]bool{}
	for _, k := range []key{a.key("app", "", ""), a.key("app", "", "secret"), a.key("app", "", "other"), a.key("app2", "", ""), a.key("app", "secret", ""), b.key("app", "", "secret")} {
		keys[k] = true
	}
	if len(keys) != 6 {
		t.Errorf("%d keys of 6 pulls", len(keys))
	}
	if again := a.key("app", "", "secret"); !keys[again] {
		t.Error("the same pull has another key the second time")
	}
}

func TestLeavingWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCoordinator(func() {})
		var begun, stopped atomic.Int32
		work := func(ctx context.Context, _ func(Progress), _ func() []string) error {
			begun.Add(1)
			<-ctx.Done()
			stopped.Add(1)
			return ctx.Err()
		}
		wait := func() (leave context.CancelFunc, left chan struct{}) {
			ctx, cancel := context.WithCancel(t.Context())
			left = make(chan struct{})
			go func() {
				defer close(left)
				if _, err := c.do(ctx, c.key("app", "", ""), "", nil, work); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
			synctest.Wait()
			return cancel, left
		}
		leaveFirst, firstLeft := wait()
		leaveSecond, secondLeft := wait()
		if all := c.all(); len(all) != 1 || all[0].Reference != "app" {
			t.Errorf("the pulls are %+v", all)
		}
		leaveFirst() // it began the pull, and still disturbs nobody
		<-firstLeft
		synctest.Wait()
		if stopped.Load() != 0 {
			t.Error("the first to leave stopped the pull")
		}
		leaveSecond()
		<-secondLeft
		if all := c.all(); len(all) != 0 {
			t.Errorf("pulls that nobody waits for: %+v", all)
		}
		if begun.Load() != 1 || stopped.Load() != 1 {
			t.Errorf("%d begun, %d stopped when the last had left", begun.Load(), stopped.Load())
		}
		leaveThird, thirdLeft := wait() // must not join what was stopped
		if begun.Load() != 2 {
			t.Error("joined a stopped pull")
		}
		leaveThird()
		<-thirdLeft
	})
}

// An observer that hangs holds up neither the pull nor another waiter, and sees the latest when it comes back.
func TestSlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCoordinator(func() {})
		const steps = 1000
		proceed, hang := make(chan struct{}), make(chan struct{})
		work := func(_ context.Context, report func(Progress), _ func() []string) error {
			report(Progress{Status: Asking})
			<-proceed
			for n := range steps {
				report(Progress{Layers: n + 1})
			}
			return nil
		}
		var last Progress
		slow, quick := make(chan error), make(chan error)
		go func() {
			_, err := c.do(t.Context(), c.key("app", "", ""), "", func(p Progress) {
				last = p
				<-hang
			}, work)
			slow <- err
		}()
		synctest.Wait()
		go func() {
			_, err := c.do(t.Context(), c.key("app", "", ""), "", nil, work)
			quick <- err
		}()
		synctest.Wait()
		close(proceed)
		if err := <-quick; err != nil {
			t.Error(err)
		}
		close(hang)
		if err := <-slow; err != nil || last.Layers != steps {
			t.Errorf("slow observer last saw %+v, %v", last, err)
		}
	})
}
