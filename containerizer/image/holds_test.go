package image

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

const someID = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func someRemoval(names ...string) *removal {
	r := &removal{id: someID, names: map[string]bool{}}
	for _, name := range names {
		r.names[Canonical(name)] = true
	}
	return r
}

func TestHeldImagesAreNotRemoved(t *testing.T) {
	p := newPuller(t, &fakeEngine{})
	for _, ref := range []string{"app", "docker.io/library/app:latest", someID, someID[len("sha256:"):], "0123456789ab"} {
		release := p.Hold(t.Context(), ref)
		again := p.Hold(t.Context(), ref)
		release()
		release() // once is enough
		if _, ok := p.holds.claim(someRemoval("app")); ok {
			t.Errorf("%s is held and may be removed", ref)
		}
		again()
		done, ok := p.holds.claim(someRemoval("app"))
		if !ok {
			t.Fatalf("%s is not held any more and may not be removed", ref)
		}
		done()
	}
	defer p.Hold(t.Context(), "other")()
	if done, ok := p.holds.claim(someRemoval("app")); !ok {
		t.Error("a hold of another image counts")
	} else {
		done()
	}
}

// Who needs an image that is being removed waits, and then finds it absent.
func TestHoldWaitsForARemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuller(t, &fakeEngine{})
		done, ok := p.holds.claim(someRemoval("app"))
		if !ok {
			t.Fatal("not claimed")
		}
		time.AfterFunc(time.Minute, done)
		started := time.Now()
		p.Hold(t.Context(), "other")()
		if time.Since(started) != 0 {
			t.Error("waited for the removal of another image")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.Hold(ctx, "app")()
		if time.Since(started) != time.Second {
			t.Error("did not leave with its context")
		}
		release := p.Hold(t.Context(), "app")
		if time.Since(started) != time.Minute {
			t.Errorf("waited %v", time.Since(started))
		}
		if _, ok := p.holds.claim(someRemoval("app")); ok {
			t.Error("held and claimed")
		}
		release()
	})
}

func TestLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuller(t, &fakeEngine{})
		r := someRemoval("app", "app:v1")
		if last, _ := p.holds.lastUse(r); !last.IsZero() {
			t.Error("used from the start")
		}
		release := p.Hold(t.Context(), "app:v1")
		time.Sleep(time.Hour)
		if got, _ := p.holds.lastUse(r); !got.Equal(time.Now()) {
			t.Errorf("held, last used at %v", got)
		}
		release()
		ended := time.Now()
		time.Sleep(time.Hour)
		if got, _ := p.holds.lastUse(r); !got.Equal(ended) {
			t.Errorf("last used at %v, want %v", got, ended)
		}
		p.holds.forget(ended)
		if got, _ := p.holds.lastUse(r); !got.Equal(ended) {
			t.Error("forgot too much")
		}
		p.holds.forget(time.Now())
		if last, _ := p.holds.lastUse(r); !last.IsZero() {
			t.Error("did not forget")
		}
	})
}
