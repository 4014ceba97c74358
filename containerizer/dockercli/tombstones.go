package dockercli

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
)

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
	listed  bool // inspect is made of a list's entry: there is no process in it
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

// list takes what a list says of a container, unless more is known of it.
func (t *tombstones) list(name string, c container.Summary) {
	raw, err := json.Marshal(inspectOf(name, c))
	if err != nil { // not of text and numbers
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before, known := t.known[name]
	size := t.size - len(before.inspect) + len(raw)
	if known && before.id == c.ID && !before.listed || size > tombstonesSize {
		return
	}
	if t.known == nil {
		t.known = map[string]tombstone{}
	}
	t.known[name], t.size = tombstone{id: c.ID, inspect: raw, listed: true}, size
}

// inspectOf is the part of a container's inspect that agents read, as far as a list has it. There is no process in it.
func inspectOf(name string, c container.Summary) map[string]any {
	networks := map[string]any{}
	if c.NetworkSettings != nil {
		for network, endpoint := range c.NetworkSettings.Networks {
			networks[network] = endpoint
		}
	}
	started := time.Time{}
	if c.State != container.StateCreated {
		started = time.Unix(c.Created, 0) // not before that; agents ask whether it ever was
	}
	return map[string]any{
		"Id":      c.ID,
		"Created": time.Unix(c.Created, 0).UTC().Format(time.RFC3339Nano),
		"Name":    "/" + name,
		"Image":   c.ImageID,
		"State": map[string]any{
			"Status": c.State, "Running": c.State == container.StateRunning, "Paused": c.State == container.StatePaused,
			"Restarting": c.State == container.StateRestarting, "Pid": 0, "StartedAt": started.UTC().Format(time.RFC3339Nano),
		},
		"Config":          map[string]any{"Image": c.Image, "Labels": c.Labels},
		"HostConfig":      map[string]any{"NetworkMode": c.HostConfig.NetworkMode},
		"NetworkSettings": map[string]any{"Networks": networks},
	}
}

// recall returns what was last known of a container, by name or id.
func (t *tombstones) recall(nameOrID string) (last tombstone, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !time.Now().Before(t.until) {
		return tombstone{}, false
	}
	if found, known := t.known[nameOrID]; known {
		return found, true
	}
	if len(nameOrID) < shortestID {
		return tombstone{}, false
	}
	for _, found := range t.known {
		if strings.HasPrefix(found.id, nameOrID) {
			return found, true
		}
	}
	return tombstone{}, false
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
	d.hold.Extend(until)
	d.Tasks.KeepContainers(until)
}
