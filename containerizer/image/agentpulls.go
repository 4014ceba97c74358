package image

import (
	"context"
	"sync"
	"time"

	"github.com/distribution/reference"
	"go.uber.org/zap"
)

// agentPullTime is how long after its end an agent's pull counts as the pull that its task forces. The executor starts in between;
// agents allow a minute for that by default.
const agentPullTime = 5 * time.Minute

// agentPulls are the recent pulls by agents with a docker_config that the daemon may not have. The task of such a pull comes next
// and may force the pull again. The agent has asked the registry for it already; the stock containerizer also asks once (contract 1.2,
// step 4).
type agentPulls struct {
	mu    sync.Mutex
	until map[string]time.Time // by reference and platform; guarded by mu
}

func (a *agentPulls) note(w wanted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for other, until := range a.until {
		if now.After(until) {
			delete(a.until, other)
		}
	}
	if a.until == nil {
		a.until = map[string]time.Time{}
	}
	a.until[w.key()] = now.Add(agentPullTime)
}

// forget is called when an agent pulls again. A task that comes now joins the new pull, or repeats it if it has failed.
func (a *agentPulls) forget(w wanted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.until, w.key())
}

func (a *agentPulls) recent(w wanted) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Before(a.until[w.key()])
}

// key identifies the image and platform.
func (w wanted) key() string { return w.ref + "\x00" + w.platformName() }

// doneByAgent reports whether an agent has just pulled the image for a task without credentials, its own or the operator's. A task
// with credentials asks the registry itself. It must be called only for a task whose agent pulls: that agent's pull, or attempt,
// replaced any older entry.
func (p *Puller) doneByAgent(ctx context.Context, w wanted) bool {
	if !p.agents.recent(w) {
		return false
	}
	if _, source, err := p.operatorLogin(ctx, w.named); source != "" || err != nil {
		return false
	}
	if _, err := p.engine.InspectImage(ctx, w.ref, w.platform); err != nil {
		return false
	}
	p.logger.Info("the agent has just pulled this image with its own docker_config", zap.String("image", w.ref),
		zap.String("registry", reference.Domain(w.named)))
	return true
}
