package dockercli

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
)

// inspectCacheSize bounds the memory of the cache, in bytes of inspects: several thousand containers. It stores no more than
// that.
const inspectCacheSize = 32 << 20

// inspectCache keeps the last inspect of the containers that a recovering agent has listed. An agent inspects each of them and ends if
// one of these fails, also where the container was removed meanwhile.
type inspectCache struct {
	mu    sync.Mutex
	until time.Time // when they are forgotten; guarded by mu
	timer *time.Timer
	known map[string]lastInspect // by container name; guarded by mu
	size  int                    // of known; guarded by mu
}

type lastInspect struct {
	id      string
	inspect json.RawMessage
	listed  bool // inspect is made of a list's entry: there is no process in it
}

// keep keeps all entries until a time, including entries that are added later.
func (i *inspectCache) keep(until time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.until = until
	if i.timer != nil {
		i.timer.Stop()
	}
	i.timer = time.AfterFunc(time.Until(until), i.forget)
}

// forget drops all entries when the time is over.
func (i *inspectCache) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !time.Now().Before(i.until) { // else keep was called meanwhile
		i.known, i.size, i.timer = nil, 0, nil
	}
}

// remember stores the inspect of a container. It reports whether there was room for it.
func (i *inspectCache) remember(c engine.Container) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Now().Before(i.until) && i.put(strings.TrimPrefix(c.Name, "/"), lastInspect{id: c.ID, inspect: c.Raw})
}

// put needs i.mu. It reports whether there was room.
func (i *inspectCache) put(name string, last lastInspect) bool {
	size := i.size - len(i.known[name].inspect) + len(last.inspect)
	if size > inspectCacheSize {
		return false
	}
	if i.known == nil {
		i.known = map[string]lastInspect{}
	}
	i.known[name], i.size = last, size
	return true
}

// list stores the list entry of a container, unless its inspect is stored.
func (i *inspectCache) list(name string, c container.Summary) {
	raw, err := json.Marshal(inspectOf(name, c))
	if err != nil { // not of text and numbers
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if before, known := i.known[name]; !known || before.id != c.ID || before.listed {
		i.put(name, lastInspect{id: c.ID, inspect: raw, listed: true})
	}
}

// inspectOf makes the part of an inspect that agents read from a list entry, which has no process ID.
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

// recall returns the stored inspect of a container, by name or ID.
func (i *inspectCache) recall(nameOrID string) (last lastInspect, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !time.Now().Before(i.until) {
		return lastInspect{}, false
	}
	if found, known := i.known[nameOrID]; known {
		return found, true
	}
	for _, found := range i.known {
		if ours.MatchesID(found.id, nameOrID) {
			return found, true
		}
	}
	return lastInspect{}, false
}

// holds reports whether a container is stored.
func (i *inspectCache) holds(nameOrID string) bool {
	_, known := i.recall(nameOrID)
	return known
}

// beginRecovery is called for each `ps -a`. For RecoveryTime the daemon removes no listed container, and answers inspects of
// those that are gone.
func (d *Docker) beginRecovery() {
	until := time.Now().Add(RecoveryTime)
	d.inspects.keep(until)
	d.hold.Extend(until)
	d.options.Tasks.KeepContainers(until)
}
