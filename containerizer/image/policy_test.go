package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
)

func TestPolicies(t *testing.T) {
	for _, tt := range []struct {
		policy         Policy
		present, force bool
		pulls          int
		kind           Kind
	}{
		{PolicyTask, true, false, 0, 0},
		{PolicyTask, true, true, 1, 0},
		{PolicyTask, false, false, 1, 0},
		{PolicyAlways, true, false, 1, 0},
		{PolicyAlways, false, false, 1, 0},
		{PolicyIfNotPresent, true, true, 0, 0},
		{PolicyIfNotPresent, false, true, 1, 0},
		{PolicyNever, true, true, 0, 0},
		{PolicyNever, false, true, 0, NotPulled},
	} {
		name := fmt.Sprintf("%s, present %v, force %v", tt.policy, tt.present, tt.force)
		e := &fakeEngine{present: map[string]bool{"app:latest": tt.present}, pull: arrives}
		p, err := New(Options{Engine: e, InactivityTimeout: time.Minute, Policy: tt.policy})
		if err != nil {
			t.Fatal(err)
		}
		note, err := p.Pull(t.Context(), Request{Reference: "app", Force: tt.force})
		var kind Kind
		if failed, ok := errors.AsType[*Error](err); ok {
			kind = failed.Kind
		}
		if len(e.pulls) != tt.pulls || note != "" || kind != tt.kind || (err != nil) != (tt.kind != 0) {
			t.Errorf("%s: pulls %q, note %q, %v", name, e.pulls, note, err)
		}
	}
}

func TestFallback(t *testing.T) {
	refused := fmt.Errorf("dial tcp 192.0.2.1:443: connect: connection refused: %w", errdefs.ErrInternal)
	for _, tt := range []struct {
		name     string
		fallback Fallback
		present  bool
		pull     error
		ask      error
		works    bool
	}{
		{"outage", FallbackCached, true, refused, nil, true},
		{"outage without a fallback", FallbackNone, true, refused, nil, false},
		{"outage without an image", FallbackCached, false, refused, nil, false},
		{"too many requests", FallbackCached, true, errdefs.ErrInternal, errdefs.ErrResourceExhausted, true},
		{"the registry refuses", FallbackCached, true, errdefs.ErrNotFound, errdefs.ErrPermissionDenied, false},
		{"the image is gone", FallbackCached, true, errdefs.ErrNotFound, errdefs.ErrNotFound, false},
		{"disk full", FallbackCached, true, errors.New("no space left on device"), nil, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &fakeEngine{present: map[string]bool{"app:latest": tt.present}, ask: tt.ask,
				pull: func(context.Context, func(string)) error { return tt.pull }}
			p, err := New(Options{Engine: e, InactivityTimeout: time.Minute, Fallback: tt.fallback})
			if err != nil {
				t.Fatal(err)
			}
			p.retryAfter = func(context.Context, reference.Named) time.Duration { return 0 }
			note, err := p.Pull(t.Context(), Request{Reference: "app", Force: true})
			if (err == nil) != tt.works || (note != "") != tt.works {
				t.Errorf("%s: note %q, %v", tt.name, note, err)
			}
			if tt.works && (!strings.Contains(note, "sha256:") || !strings.Contains(note, "app:latest")) {
				t.Errorf("%s: note %q", tt.name, note)
			}
		})
	}
}

// A task that is killed, or whose time is up, is not started from anything.
func TestNoFallbackForATaskThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{present: map[string]bool{"app:latest": true}, pull: func(ctx context.Context, _ func(string)) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		p, err := New(Options{Engine: e, InactivityTimeout: time.Hour, Fallback: FallbackCached})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if note, err := p.Pull(ctx, Request{Reference: "app", Force: true}); err == nil || note != "" {
			t.Errorf("note %q, %v", note, err)
		}
	})
}
