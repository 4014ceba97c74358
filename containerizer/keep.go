package containerizer

import (
	"strings"
	"sync"
	"time"
)

// agentPrefix begins the names of containers that agents take for their own (contract section 1.7).
const agentPrefix = "mesos-"

// keeping is a promise to leave containers in place that an agent has been told of. It inspects each of them, and ends if there is
// one that it does not find.
type keeping struct {
	mu    sync.Mutex
	until time.Time // guarded by mu
}

// extend makes the promise for a time that may be over later than what was promised already.
func (k *keeping) extend(until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if until.After(k.until) {
		k.until = until
	}
}

// end is until when a container of this name must stay, zero for others.
func (k *keeping) end(name string) time.Time {
	if !strings.HasPrefix(strings.TrimPrefix(name, "/"), agentPrefix) {
		return time.Time{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.until
}

// holds tells whether a container of this name must stay for now.
func (k *keeping) holds(name string) bool { return time.Now().Before(k.end(name)) }

// KeepContainers has no container removed by the server until a time if agents take it for theirs by its name. What others remove
// is not its business.
func (s *Server) KeepContainers(until time.Time) { s.keeping.extend(until) }
