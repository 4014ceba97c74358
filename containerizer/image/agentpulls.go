package image

import (
	"context"
	"sync"
	"time"

	"github.com/distribution/reference"
	"go.uber.org/zap"
)

// agentPullTime is how long after its end a pull that an agent has made stands for the one that its task forces. In between lies the
// start of the executor, for which agents allow a minute unless told otherwise.
const agentPullTime = 5 * time.Minute

// agentPulls are the images that agents have pulled of late with a docker_config that they alone may have. The task that such a pull
// was for comes next, and may force it: the registry has been asked on its behalf then, as under the stock containerizer, which asks
// once (contract 1.2, step 4).
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

// forget is called when an agent pulls anew: a task that comes now is one of that pull, which it joins, or repeats if it has failed.
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

// key tells images and platforms apart.
func (w wanted) key() string { return w.ref + "\x00" + w.platformName() }

// doneByAgent tells whether a task that has no credentials, its own or the operator's, has to ask no registry, because an agent has
// just done so for it. With credentials it asks by itself. Only tasks of agents that pull may be asked about: their agent has pulled,
// or tried to, since any pull that is remembered.
func (p *Puller) doneByAgent(ctx context.Context, w wanted) bool {
	if !p.agents.recent(w) {
		return false
	}
	if _, source, err := p.adminLogin(ctx, w.named); source != "" || err != nil {
		return false
	}
	if _, err := p.engine.InspectImage(ctx, w.ref, w.platform); err != nil {
		return false
	}
	p.logger.Info("the agent has just pulled this image with its own docker_config", zap.String("image", w.ref),
		zap.String("registry", reference.Domain(w.named)))
	return true
}
