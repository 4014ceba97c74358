package image

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
)

// key identifies a pull. Requests with the same key share it. Platform and credentials are in it as a digest, which does not reveal them.
type key struct {
	reference string
	rest      [sha256.Size]byte
}

// coordinator lets requests with the same key share one pull. (singleflight cannot cancel work that has no waiters left.)
type coordinator struct {
	salt   [32]byte
	joined func() // called for each request that joins a pull

	mu    sync.Mutex
	pulls map[key]*sharedPull // guarded by mu: those a request may join
}

// work does a pull. It reports progress, and may ask for which tasks.
type work func(ctx context.Context, report func(Progress), tasks func() []string) error

// sharedPull is a pull in its own goroutine. It is cancelled when its last waiter leaves.
type sharedPull struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // written before ended is closed

	waiters []string // the names of the tasks, which may be empty; guarded by coordinator.mu

	mu       sync.Mutex
	progress Progress      // guarded by mu
	changed  chan struct{} // guarded by mu: closed when progress changes, and replaced
}

func newCoordinator(joined func()) *coordinator {
	c := &coordinator{joined: joined, pulls: make(map[key]*sharedPull)}
	_, _ = rand.Read(c.salt[:]) // never fails
	return c
}

// key returns the key for a reference, a platform and credentials.
func (c *coordinator) key(ref, platform, auth string) key {
	return key{ref, sha256.Sum256([]byte(string(c.salt[:]) + platform + "\x00" + auth))}
}

// do joins the pull with a key, or starts it with work, and waits for its end. Meanwhile it calls observe, if not nil, with the
// latest progress; a slow observer misses steps and delays no other waiter. If ctx ends first, do returns the latest progress and
// ctx's error; the last waiter cancels the pull and waits for its end.
func (c *coordinator) do(ctx context.Context, k key, task string, observe func(Progress), work work) (Progress, error) {
	p := c.join(ctx, k, task, work)
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
			if progress, _ = p.latest(); observe != nil && progress != shown {
				observe(progress)
			}
			return progress, p.err
		case <-ctx.Done():
			c.leave(k, p, task)
			return progress, ctx.Err()
		}
	}
}

func (c *coordinator) join(ctx context.Context, k key, task string, work work) *sharedPull {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, running := c.pulls[k]; running {
		p.waiters = append(p.waiters, task)
		c.joined()
		return p
	}
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &sharedPull{cancel: cancel, ended: make(chan struct{}), waiters: []string{task}, changed: make(chan struct{})}
	c.pulls[k] = p
	go func() {
		defer cancel()
		err := work(shared, p.set, func() []string { return c.tasks(p) })
		c.forget(k, p)
		p.err = err
		close(p.ended)
	}()
	return p
}

// forget removes a pull that has ended, so that no request joins it.
func (c *coordinator) forget(k key, p *sharedPull) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pulls[k] == p {
		delete(c.pulls, k)
	}
}

// tasks names the tasks that wait for a pull.
func (c *coordinator) tasks(p *sharedPull) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.tasks()
}

// tasks is the coordinator's, which holds its lock.
func (p *sharedPull) tasks() []string {
	names := slices.DeleteFunc(slices.Clone(p.waiters), func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// all lists the pulls by reference.
func (c *coordinator) all() (pulls []Pull) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, p := range c.pulls {
		progress, _ := p.latest()
		pulls = append(pulls, Pull{k.reference, p.tasks(), progress})
	}
	slices.SortFunc(pulls, func(a, b Pull) int { return strings.Compare(a.Reference, b.Reference) })
	return pulls
}

func (c *coordinator) leave(k key, p *sharedPull, task string) {
	c.mu.Lock()
	if i := slices.Index(p.waiters, task); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	last := len(p.waiters) == 0
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
