package container

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

const (
	// lateTime is how long a name is watched: longer than any create may take to take effect after its owner gave up waiting.
	lateTime = 10 * time.Minute

	// lateInterval is the time between two looks at the names. Events usually come first.
	lateInterval = 5 * time.Second
)

// LateRemovals are names under which a container may still appear although its owner has given up: the Engine owes an answer to its
// create. What appears under such a name and is the owner's is removed at once (docs/architecture.md, "State"). Late removals end
// with the daemon: what the next one finds without an executor is an orphan to it.
type LateRemovals struct {
	engine *engine.Client
	hold   *RemovalHold
	logger *zap.Logger
	due    chan struct{} // buffered: a look is due
	busy   chan struct{} // held while a container is removed, and by who takes a name back

	mu    sync.Mutex
	names map[string]lateRemoval // guarded by mu
}

type lateRemoval struct {
	owner   Owner
	removed func()
	until   time.Time
}

// NewLateRemovals returns late removals that leave alone what the hold holds. Run has to be called.
func NewLateRemovals(e *engine.Client, hold *RemovalHold, logger *zap.Logger) *LateRemovals {
	return &LateRemovals{
		engine: e, hold: hold, logger: logger,
		due: make(chan struct{}, 1), busy: make(chan struct{}, 1), names: map[string]lateRemoval{},
	}
}

// add has a container removed that appears under a name and is the owner's. removed is called if that happens.
func (l *LateRemovals) add(name string, owner Owner, removed func()) {
	l.mu.Lock()
	l.names[name] = lateRemoval{owner: owner, removed: removed, until: time.Now().Add(lateTime)}
	l.mu.Unlock()
	l.Look()
}

// cancel forgets a name. When it returns nil nothing that appears under it is removed.
func (l *LateRemovals) cancel(ctx context.Context, name string) error {
	if !l.Has(name) {
		return nil
	}
	select {
	case l.busy <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-l.busy }()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, name)
	return nil
}

// Look has the names looked at soon. It does not wait.
func (l *LateRemovals) Look() {
	select {
	case l.due <- struct{}{}:
	default:
	}
}

// Run looks after the names until ctx ends. While there is none it only waits.
func (l *LateRemovals) Run(ctx context.Context) {
	for {
		var tick <-chan time.Time
		if len(l.list()) > 0 {
			tick = time.After(lateInterval)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.due:
		case <-tick:
		}
		for _, name := range l.list() {
			l.look(ctx, name)
		}
	}
}

// look removes what has appeared under a name. The name is forgotten when its time is over and the Engine has said that there is
// nothing of the owner's.
func (l *LateRemovals) look(ctx context.Context, name string) {
	l.busy <- struct{}{}
	defer func() { <-l.busy }()
	l.mu.Lock()
	late, found := l.names[name]
	l.mu.Unlock()
	if !found {
		return
	}
	c, err := l.engine.Inspect(ctx, name)
	switch {
	case engine.IsNotFound(err), err == nil && !late.owner.Owns(c.Name, c.Config.Labels):
		l.expire(name)
	case err == nil && !l.hold.Holds(name):
		l.logger.Warn("removing a container that appeared after its owner had given up", zap.String("container", name))
		switch err := l.engine.Remove(ctx, c.ID); {
		case err == nil:
			late.removed()
		case ctx.Err() == nil:
			l.logger.Warn("container cannot be removed yet; trying again", zap.String("container", name), zap.Error(err))
		}
	}
}

// expire forgets a name whose time is over.
func (l *LateRemovals) expire(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().After(l.names[name].until) {
		delete(l.names, name)
	}
}

func (l *LateRemovals) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.names))
}

// Has reports whether a container that appears under a name is to be removed.
func (l *LateRemovals) Has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found := l.names[name]
	return found
}
