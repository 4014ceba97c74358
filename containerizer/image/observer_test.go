package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// diary is an Observer that writes everything down.
type diary struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (d *diary) note(format string, values ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, values...))
}

func (d *diary) PullEnded(err error, took time.Duration) {
	how := "cancelled"
	if failed, ok := errors.AsType[*Error](err); ok {
		how = failed.Kind.String()
	}
	if err == nil {
		how = "ok"
	}
	d.note("ended %s after %v", how, took.Round(time.Second))
}

func (d *diary) Downloaded(bytes int64)   { d.note("downloaded %d", bytes) }
func (d *diary) PullRetried()             { d.note("retried") }
func (d *diary) PullJoined()              { d.note("joined") }
func (d *diary) CachedImageUsed()         { d.note("cached") }
func (d *diary) ImageRemoved(bytes int64) { d.note("removed %d", bytes) }

func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(lines, d.lines); diff != "" {
		t.Errorf("what was observed (-want +got):\n%s", diff)
	}
}

func observed(t *testing.T, e Engine, o Options) (*Puller, *diary) {
	t.Helper()
	d := &diary{}
	o.Engine, o.InactivityTimeout, o.Observer = e, time.Minute, d
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

// Many who share a pull are one pull, and each of its tries counts what it has brought.
func TestObservedPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		e := &fakeEngine{present: map[string]bool{}, pull: func(_ context.Context, say func(string)) error {
			tries++
			say(strings.Repeat("x", 300*tries))
			time.Sleep(10 * time.Second)
			if tries == 1 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}}
		p, d := observed(t, e, Options{})
		p.firstWait = 2 // nothing to speak of
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := p.Pull(t.Context(), Request{Reference: "app"}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		d.want(t, "joined", "downloaded 300", "retried", "downloaded 600", "ended ok after 20s")
		if _, err := p.Pull(t.Context(), Request{Reference: "app"}); err != nil || len(d.lines) != 5 {
			t.Errorf("an image that is present is no pull: %q, %v", d.lines, err)
		}
	})
}

// A pull that nobody waits for any more was given up, whatever it failed with then.
func TestObservedEndOfAPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{pull: func(ctx context.Context, _ func(string)) error {
			<-ctx.Done()
			return errors.New("no space left on device")
		}}
		p, d := observed(t, e, Options{MaxConcurrent: 1})
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for n := range 3 {
			wg.Go(func() { _, _ = p.Pull(ctx, Request{Reference: fmt.Sprint("app", n)}) })
		}
		synctest.Wait()
		if running, waiting := p.Load(); running != 1 || waiting != 2 {
			t.Errorf("%d run and %d wait", running, waiting)
		}
		cancel()
		wg.Wait()
		if running, waiting := p.Load(); running != 0 || waiting != 0 {
			t.Errorf("%d run and %d wait after their end", running, waiting)
		}
		cancelled := 0
		for _, line := range d.lines {
			if strings.HasPrefix(line, "ended cancelled") {
				cancelled++
			}
		}
		if cancelled != 3 {
			t.Errorf("%q", d.lines)
		}
	})
}

// What fails before a pull begins counts as well.
func TestObservedRefusals(t *testing.T) {
	broken := sandboxWith(t, map[string]string{sandboxConfig: "{"})
	for _, tt := range []struct {
		policy  Policy
		request Request
		want    string
	}{
		{"", Request{Reference: "Not/A/Name"}, "invalid"},
		{"", Request{Reference: strings.Repeat("0123456789abcdef", 4)}, "invalid"},
		{"", Request{Reference: "app", SandboxDirectory: broken}, "invalid"},
		{PolicyNever, Request{Reference: "app"}, "not_pulled"},
	} {
		p, d := observed(t, &fakeEngine{pull: arrives}, Options{Policy: tt.policy})
		if _, err := p.Pull(t.Context(), tt.request); err == nil {
			t.Errorf("%+v is pulled", tt.request)
		}
		d.want(t, "ended "+tt.want+" after 0s")
	}
}

func TestObservedFallback(t *testing.T) {
	e := &fakeEngine{present: map[string]bool{"app:latest": true}, pull: func(context.Context, func(string)) error {
		return errors.New("dial tcp: lookup registry.example: no such host")
	}}
	p, d := observed(t, e, Options{Fallback: FallbackCached})
	if note, err := p.Pull(t.Context(), Request{Reference: "app", Force: true}); err != nil || note == "" {
		t.Errorf("%q, %v", note, err)
	}
	d.want(t, "downloaded 0", "ended unknown_host after 0s", "cached")
}

func TestObservedCleanUp(t *testing.T) {
	s := newStore()
	s.add("a", 2*time.Hour, "app:v1").size = 42
	s.add("b", time.Minute, "app:v2")
	p, d := observed(t, s, Options{})
	c := newCollector(t, s, func(o *CollectorOptions) { o.Puller = p })
	if _, err := c.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.want(t, "removed 42")
}

// Each kind of failure has a name for machines and a message for people that no other has.
func TestKindsAreDistinct(t *testing.T) {
	seen, said := map[string]bool{}, map[string]bool{}
	for _, k := range Kinds() {
		message := (&Error{Kind: k, Reference: "app:1", Err: errors.New("cause")}).Error()
		if said[message] || !strings.Contains(message, "app:1") || !strings.HasSuffix(message, "cause") {
			t.Errorf("%v says %q", k, message)
		}
		said[message] = true
		if _, named := kinds[k]; !named || seen[k.String()] {
			t.Errorf("kind %d has no name of its own: %s", k, k)
		}
		seen[k.String()] = true
	}
	if len(seen) != len(kinds) {
		t.Errorf("%d kinds, %d names", len(seen), len(kinds))
	}
}
