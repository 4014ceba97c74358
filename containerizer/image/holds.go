package image

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
)

// holds protects images that are about to be used from removal. Once a container uses the image, the Engine refuses to remove it.
type holds struct {
	mu       sync.Mutex
	held     map[string]int       // guarded by mu: counts by name
	used     map[string]time.Time // guarded by mu: end of the last hold by name, since the last forget
	removals map[*removal]bool    // guarded by mu: running removals
}

// removal is the removal of one image.
type removal struct {
	id    string          // "sha256:…"
	names map[string]bool // as Canonical writes them
	ended chan struct{}
}

func newHolds() *holds {
	return &holds{held: make(map[string]int), used: make(map[string]time.Time), removals: make(map[*removal]bool)}
}

// Canonical returns the canonical form of a reference: it is the same for "busybox" and "docker.io/library/busybox:latest". An
// invalid reference is returned unchanged.
func Canonical(ref string) string {
	parsed, err := parseReference(ref)
	if err != nil {
		return ref
	}
	return parsed.String()
}

// covers reports whether a name refers to the image. The Engine accepts a prefix of the ID as a name.
func (r *removal) covers(name string) bool {
	if r.names[name] || name == r.id {
		return true
	}
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return false
	}
	_, hex, _ := strings.Cut(r.id, ":")
	return strings.HasPrefix(hex, reference.FamiliarName(parsed))
}

// Hold protects an image from the clean-up until release is called: from before the first inspect or pull until a container uses
// the image. It waits for the end of a running removal, or of ctx.
func (p *Puller) Hold(ctx context.Context, ref string) (release func()) {
	return p.holds.hold(ctx, Canonical(ref))
}

func (h *holds) hold(ctx context.Context, name string) (release func()) {
	h.mu.Lock()
	for {
		running := h.removing(name)
		if running == nil {
			break
		}
		h.mu.Unlock()
		select {
		case <-running.ended:
		case <-ctx.Done():
			return func() {}
		}
		h.mu.Lock()
	}
	h.held[name]++
	h.mu.Unlock()
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.used[name] = time.Now()
		if h.held[name]--; h.held[name] == 0 {
			delete(h.held, name)
		}
	})
}

// removing needs h.mu.
func (h *holds) removing(name string) *removal {
	for r := range h.removals {
		if r.covers(name) {
			return r
		}
	}
	return nil
}

// claim starts a removal unless the image is held. The caller must then call done.
func (h *holds) claim(r *removal) (done func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.covered(r) {
		return nil, false
	}
	r.ended = make(chan struct{})
	h.removals[r] = true
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.removals, r)
		close(r.ended)
	}, true
}

// covered needs h.mu.
func (h *holds) covered(r *removal) bool {
	for name := range h.held {
		if r.covers(name) {
			return true
		}
	}
	return false
}

// lastUse returns the end of the image's last hold: now while it is held, zero for none.
func (h *holds) lastUse(r *removal) (last time.Time, held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.covered(r) {
		return time.Now(), true
	}
	for name, at := range h.used {
		if r.covers(name) && at.After(last) {
			last = at
		}
	}
	return last, false
}

// forget drops the uses before a time, which are stored in the Engine by then.
func (h *holds) forget(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, at := range h.used {
		if at.Before(before) {
			delete(h.used, name)
		}
	}
}
