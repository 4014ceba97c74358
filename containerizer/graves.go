package containerizer

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// graveTime is how long after its task's end a name is watched: longer than any create may take to take effect after we gave
// up waiting for it.
const graveTime = 10 * time.Minute

// graveSweep is the time between two looks at the graves. Events usually come first.
const graveSweep = 5 * time.Second

// graves are tombstones: names of containers whose tasks have ended while the Engine still owed an answer about them. What
// appears under such a name is removed at once (design section 4). They end with the server: what the next one finds without an
// executor is an orphan to it (recover.go).
type graves struct {
	engine   *engine.Client
	instance string
	keeping  *keeping
	removed  func() // called for each container that was removed
	logger   *zap.Logger

	mu    sync.Mutex
	until map[string]time.Time // by name; guarded by mu
	stir  chan struct{}        // a look is due
}

func newGraves(e *engine.Client, instance string, k *keeping, removed func(), logger *zap.Logger) *graves {
	return &graves{
		engine: e, instance: instance, keeping: k, removed: removed, logger: logger,
		until: map[string]time.Time{}, stir: make(chan struct{}, 1),
	}
}

// bury puts up a tombstone.
func (g *graves) bury(name string) {
	g.mu.Lock()
	g.until[name] = time.Now().Add(graveTime)
	g.mu.Unlock()
	g.look()
}

// look has the graves looked at soon.
func (g *graves) look() {
	select {
	case g.stir <- struct{}{}:
	default:
	}
}

// run looks after the graves until ctx ends. While there is none it only waits.
func (g *graves) run(ctx context.Context) {
	for {
		var tick <-chan time.Time
		if len(g.names()) > 0 {
			tick = time.After(graveSweep)
		}
		select {
		case <-ctx.Done():
			return
		case <-g.stir:
		case <-tick:
		}
		for _, name := range g.names() {
			g.sweep(ctx, name)
		}
	}
}

// sweep removes what lies under the name. The tombstone falls when its time is over and the Engine has said that there is
// nothing.
func (g *graves) sweep(ctx context.Context, name string) {
	found, err := g.engine.Inspect(ctx, name)
	switch {
	case err == nil:
		if labels, _ := engine.ParseLabels(found.Config.Labels); !labels.Ours(g.instance, found.Name) {
			g.expire(name) // somebody else has taken the name
			return
		}
		if g.keeping.holds(name) {
			return // until a later sweep
		}
		g.logger.Warn("removing a container whose task has ended", zap.String("container", name))
		switch err := g.engine.Remove(ctx, found.ID); {
		case err == nil:
			g.removed()
		case ctx.Err() == nil:
			g.logger.Warn("container cannot be removed yet; trying again", zap.String("container", name), zap.Error(err))
		}
	case engine.IsNotFound(err):
		g.expire(name)
	}
}

// expire lets a tombstone fall whose time is over.
func (g *graves) expire(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().After(g.until[name]) {
		delete(g.until, name)
	}
}

func (g *graves) names() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	names := make([]string, 0, len(g.until))
	for name := range g.until {
		names = append(names, name)
	}
	return names
}

// holds tells whether a name has a tombstone.
func (g *graves) holds(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, found := g.until[name]
	return found
}
