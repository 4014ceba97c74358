package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"golang.org/x/sync/semaphore"
)

// retrying is a Puller whose registry fails as told, one error a try, and then works.
func retrying(t *testing.T, failures ...error) (*Puller, *fakeEngine) {
	t.Helper()
	e := &fakeEngine{present: map[string]bool{}}
	e.pull = func(context.Context, func(string)) error {
		if n := len(e.pulls); n <= len(failures) {
			return failures[n-1]
		}
		return nil
	}
	p := newPuller(t, e)
	p.retryAfter = func(context.Context, reference.Named) time.Duration { return 0 }
	return p, e
}

func repeat(err error, n int) (all []error) {
	for range n {
		all = append(all, err)
	}
	return all
}

var (
	errReset    = fmt.Errorf("read tcp: connection reset by peer: %w", errdefs.ErrInternal)
	errTooMany  = fmt.Errorf("toomanyrequests: slow down: %w", errdefs.ErrInternal)
	errNoAccess = fmt.Errorf("pull access denied: %w", errdefs.ErrNotFound)
)

func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		name          string
		failures      []error
		tries         int
		kind          Kind // 0 if it works in the end
		least, latest time.Duration
	}{
		{"works", nil, 1, 0, 0, 0},
		{"once", repeat(errReset, 1), 2, 0, time.Second / 2, time.Second},
		{"three times", repeat(errReset, 3), 4, 0, 3500 * time.Millisecond, 7 * time.Second},
		{"for good", repeat(errReset, 100), MaxTries, Unreachable, 15500 * time.Millisecond, 31 * time.Second},
		{"too many requests", repeat(errTooMany, 100), MaxTries, RateLimited, 15500 * time.Millisecond, 31 * time.Second},
		{"denied", repeat(errNoAccess, 100), 1, NotFound, 0, 0},
		{"denied after a reset", []error{errReset, errNoAccess}, 2, NotFound, time.Second / 2, time.Second},
		{"untrusted", repeat(errors.New("x509: certificate signed by unknown authority"), 2), 1, TLS, 0, 0},
		{"unknown host", repeat(errors.New("lookup registry: no such host"), 2), 1, UnknownHost, 0, 0},
		{"no Engine", repeat(errdefs.ErrUnavailable, 2), 1, NoEngine, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, e := retrying(t, tt.failures...)
			if tt.kind == NotFound {
				e.ask = errdefs.ErrNotFound
			}
			started := time.Now()
			var seen []string
			_, err := p.Pull(t.Context(), Request{Reference: "app", Progress: func(p Progress) { seen = append(seen, p.String()) }})
			if took := time.Since(started); took < tt.least || took > tt.latest || len(e.pulls) != tt.tries {
				t.Errorf("%s: %d tries in %v", tt.name, len(e.pulls), took)
			}
			failed, ok := errors.AsType[*Error](err)
			if ok != (tt.kind != 0) || ok && (failed.Kind != tt.kind || failed.Tries != tt.tries) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if tt.tries > 1 && err != nil && !strings.Contains(err.Error(), fmt.Sprintf("after %d tries", tt.tries)) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if tt.tries > 1 && !strings.Contains(strings.Join(seen, "\n"), string(Waiting)) {
				t.Errorf("%s: nobody was told of the wait: %q", tt.name, seen)
			}
		})
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e := retrying(t, errTooMany)
		p.retryAfter = func(_ context.Context, named reference.Named) time.Duration {
			if named.String() != "docker.io/library/app:latest" {
				t.Error(named)
			}
			return 90 * time.Second
		}
		started := time.Now()
		if _, err := p.Pull(t.Context(), Request{Reference: "app"}); err != nil || time.Since(started) != 90*time.Second || len(e.pulls) != 2 {
			t.Errorf("%d tries in %v, %v", len(e.pulls), time.Since(started), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p, e := retrying(t, errTooMany)
		p.retryAfter = func(context.Context, reference.Named) time.Duration { return 6 * time.Hour }
		if _, err := p.Pull(t.Context(), Request{Reference: "app"}); err == nil || len(e.pulls) != 1 {
			t.Errorf("%d tries, %v", len(e.pulls), err)
		}
	})
}

// The time of a task ends a wait too, and its error says what the wait was for.
func TestEndOfTheContextBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := retrying(t, repeat(errReset, 100)...)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := p.Pull(ctx, Request{Reference: "app"})
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.Kind != TimedOut || !strings.Contains(err.Error(), "connection reset by peer") {
			t.Errorf("%v", err)
		}
	})
}

// A pull that waits for its next try leaves its place to others.
func TestWaitHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e := retrying(t, errTooMany)
		p.slots = semaphore.NewWeighted(1)
		p.retryAfter = func(context.Context, reference.Named) time.Duration { return time.Minute }
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Pull(t.Context(), Request{Reference: "first"}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := p.Pull(t.Context(), Request{Reference: "second"}); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if got := fmt.Sprint(e.pulls); got != "[first:latest second:latest first:latest]" {
			t.Error(got)
		}
	})
}

func TestConcurrentPullsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{present: map[string]bool{}, pull: func(context.Context, func(string)) error {
			time.Sleep(time.Minute)
			return nil
		}}
		// Those who wait for their turn do not count as inactive.
		p, err := New(Options{Engine: e, InactivityTimeout: 61 * time.Second, MaxConcurrent: 3})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		queued := 0
		for n := range 30 {
			wg.Go(func() {
				_, err := p.Pull(t.Context(), Request{Reference: fmt.Sprintf("app%d", n/2), Progress: func(p Progress) {
					mu.Lock()
					defer mu.Unlock()
					if p.Status == Queued {
						queued++
					}
				}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(started); took != 5*time.Minute || len(e.pulls) != 15 || queued != 24 {
			t.Errorf("%d pulls of a minute each, 3 at once, took %v; %d were told that they wait", len(e.pulls), took, queued)
		}
	})
}

func TestAskRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		header string
		want   time.Duration
	}{
		{"seconds", http.StatusTooManyRequests, "7", 7 * time.Second},
		{"none", http.StatusTooManyRequests, "", 0},
		{"over by now", http.StatusOK, "7", 0},
	} {
		for _, secure := range []bool{false, true} {
			var asked string
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.Path + r.Header.Get("Authorization")
				w.Header().Set("Retry-After", tt.header)
				w.WriteHeader(tt.status)
			})
			server := httptest.NewUnstartedServer(handler)
			server.Start()
			if secure {
				server.Close()
				server = httptest.NewTLSServer(handler)
			}
			address := server.Listener.Addr().String()
			named, err := reference.ParseNormalizedNamed(address + "/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			if got := askRetryAfter(t.Context(), named); got != tt.want || asked != "HEAD /v2/team/app/manifests/v1" {
				t.Errorf("%s: %v, asked %q", tt.name, got, asked)
			}
			server.Close()
			if got := askRetryAfter(t.Context(), named); got != 0 {
				t.Errorf("nobody answers: %v", got)
			}
		}
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, "-5": 0, "": 0, "soon": 0, "99999999999999999999": 0,
		"Fri, 01 May 2026 12:01:00 GMT": time.Minute,
		"Fri, 01 May 2026 11:00:00 GMT": 0,
	} {
		if got := parseRetryAfter(header, now); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 01 May 2026 12:01:00 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		if got := parseRetryAfter(header, time.Unix(0, 0)); got < 0 {
			t.Errorf("%q: %v", header, got)
		}
	})
}
