package dockercli

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"mesos-docker-containerizer/containerizer/engine"
)

// agentPrefix begins the names of the containers that an agent takes for its own.
const agentPrefix = "mesos-"

// tombstonesSize bounds the memory of tombstones, in bytes of inspects: several thousand containers. Of those beyond it nothing is
// remembered.
const tombstonesSize = 32 << 20

// shortestID is how much of an id is taken for it: what docker shows.
const shortestID = 12

// tombstones are what was last known of the containers that a recovering agent was told of. An agent inspects each of them and
// ends if one of these fails, whoever has removed the container meanwhile.
type tombstones struct {
	mu    sync.Mutex
	until time.Time // when they are forgotten; guarded by mu
	timer *time.Timer
	known map[string]tombstone // by container name; guarded by mu
	size  int                  // of known; guarded by mu
}

type tombstone struct {
	id      string
	inspect json.RawMessage
}

// keep has everything kept until a time, what is remembered later too.
func (t *tombstones) keep(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = until
	if t.timer != nil {
		t.timer.Stop()
	}
	t.timer = time.AfterFunc(time.Until(until), t.forget)
}

// forget gives the memory back when the time is over.
func (t *tombstones) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !time.Now().Before(t.until) { // else keep was called meanwhile
		t.known, t.size, t.timer = nil, 0, nil
	}
}

// remember takes what the Engine says of a container. It reports whether there was room for it.
func (t *tombstones) remember(c engine.Container) bool {
	name := strings.TrimPrefix(c.Name, "/")
	t.mu.Lock()
	defer t.mu.Unlock()
	size := t.size - len(t.known[name].inspect) + len(c.Raw)
	if !time.Now().Before(t.until) || size > tombstonesSize {
		return false
	}
	if t.known == nil {
		t.known = map[string]tombstone{}
	}
	t.known[name], t.size = tombstone{id: c.ID, inspect: c.Raw}, size
	return true
}

// recall returns what was last known of a container, by name or id.
func (t *tombstones) recall(nameOrID string) (inspect json.RawMessage, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !time.Now().Before(t.until) {
		return nil, false
	}
	if found, known := t.known[nameOrID]; known {
		return found.inspect, true
	}
	if len(nameOrID) < shortestID {
		return nil, false
	}
	for _, found := range t.known {
		if strings.HasPrefix(found.id, nameOrID) {
			return found.inspect, true
		}
	}
	return nil, false
}

// holds tells whether a container is remembered.
func (t *tombstones) holds(nameOrID string) bool {
	_, known := t.recall(nameOrID)
	return known
}

// beginRecovery is called with each `ps -a`: for a time no container that was listed is removed by us, nor missed by who inspects
// it.
func (d *Docker) beginRecovery() {
	until := time.Now().Add(RecoveryTime)
	d.tombstones.keep(until)
	d.Tasks.KeepContainers(until)
}
