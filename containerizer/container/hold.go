package container

import (
	"strings"
	"sync"
	"time"
)

// AgentPrefix begins the names of containers that agents take for their own (contract 1.7).
const AgentPrefix = "mesos-"

// RemovalHold keeps containers in place that an agent has been told of. A recovering agent inspects each of them, and ends if there
// is one that it does not find. The zero value holds nothing.
type RemovalHold struct {
	mu    sync.Mutex
	until time.Time // guarded by mu
}

// Extend holds containers until a time. A hold that lasts longer stands.
func (h *RemovalHold) Extend(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until.After(h.until) {
		h.until = until
	}
}

// End is until when a container of this name must stay, zero for names that agents do not take for their own.
func (h *RemovalHold) End(name string) time.Time {
	if !strings.HasPrefix(strings.TrimPrefix(name, "/"), AgentPrefix) {
		return time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until
}

// Holds reports whether a container of this name must stay for now.
func (h *RemovalHold) Holds(name string) bool { return time.Now().Before(h.End(name)) }
