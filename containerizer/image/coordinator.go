package image

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// key identifies a pull: the same for requests that one pull can serve. It holds a digest, so that credentials take part in it
// without being kept or shown.
type key [sha256.Size]byte

// coordinator lets requests for the same thing share one pull. (singleflight cannot stop the work when nobody waits for it.)
type coordinator struct {
	salt   [32]byte
	joined func() // called for each request that joins a pull

	mu    sync.Mutex
	pulls map[key]*sharedPull // guarded by mu: those a request may join
}

// sharedPull is a pull that runs in a goroutine of its own, for as long as somebody waits for it.
type sharedPull struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // written before ended is closed

	waiters int // guarded by coordinator.mu

	mu       sync.Mutex
	progress Progress      // guarded by mu
	changed  chan struct{} // guarded by mu: closed when progress changes, and replaced
}

func newCoordinator(joined func()) *coordinator {
	c := &coordinator{joined: joined, pulls: make(map[key]*sharedPull)}
	_, _ = rand.Read(c.salt[:]) // never fails
	return c
}

// key makes the key of a reference with a platform and credentials, which does not tell any of them.
func (c *coordinator) key(ref, platform, auth string) key {
	return sha256.Sum256([]byte(string(c.salt[:]) + ref + "\x00" + platform + "\x00" + auth))
}

// do joins the pull under a key, or begins it with work, and waits for its end. While it waits it calls observe, if not nil,
// with the latest progress; an observer that is slow misses steps and holds up nobody else. When ctx ends first, do leaves, and
// returns what the pull had come to with ctx's error; the last one to leave stops the pull and waits until it has stopped.
func (c *coordinator) do(ctx context.Context, k key, observe func(Progress), work func(context.Context, func(Progress)) error) (Progress, error) {
	p := c.join(ctx, k, work)
	var shown Progress
	for {
		progress, changed := p.latest()
		if observe != nil && progress != shown {
			observe(progress)
			shown = progress
		}
		select {
		case <-changed:
		case <-p.ended:
			// What came between the last look and the end.
			if progress, _ = p.latest(); observe != nil && progress != shown {
				observe(progress)
			}
			return progress, p.err
		case <-ctx.Done():
			c.leave(k, p)
			return progress, ctx.Err()
		}
	}
}

func (c *coordinator) join(ctx context.Context, k key, work func(context.Context, func(Progress)) error) *sharedPull {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, running := c.pulls[k]; running {
		p.waiters++
		c.joined()
		return p
	}
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &sharedPull{cancel: cancel, ended: make(chan struct{}), waiters: 1, changed: make(chan struct{})}
	c.pulls[k] = p
	go func() {
		defer cancel()
		err := work(shared, p.set)
		c.forget(k, p)
		p.err = err
		close(p.ended)
	}()
	return p
}

// forget makes sure that nobody joins a pull that has ended or is being stopped.
func (c *coordinator) forget(k key, p *sharedPull) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pulls[k] == p {
		delete(c.pulls, k)
	}
}

func (c *coordinator) leave(k key, p *sharedPull) {
	c.mu.Lock()
	p.waiters--
	last := p.waiters == 0
	if last && c.pulls[k] == p {
		delete(c.pulls, k)
	}
	c.mu.Unlock()
	if last {
		p.cancel()
		<-p.ended
	}
}

func (p *sharedPull) set(progress Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if progress == p.progress {
		return
	}
	p.progress = progress
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *sharedPull) latest() (Progress, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress, p.changed
}
