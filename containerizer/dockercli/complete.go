package dockercli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"mesos-docker-containerizer/containerizer/engine"
)

// completeContainer adds NetworkSettings.IPAddress, which Engines leave out from API 1.52 on. An agent reads it if it does not
// find the network mode under NetworkSettings.Networks, and fails the inspect without it (contract 1.10). An inspect that has it
// is returned unchanged.
func completeContainer(raw json.RawMessage) (json.RawMessage, error) {
	return edit(raw, "NetworkSettings", func(settings *object) bool {
		if settings.at("IPAddress") != nil {
			return false
		}
		address, err := json.Marshal(addressOf(raw))
		if err != nil { // not of a string
			address = json.RawMessage(`""`)
		}
		settings.set("IPAddress", address)
		return true
	})
}

// addressOf returns the container's address in the network of its mode; empty for a container without an address of its own.
func addressOf(raw json.RawMessage) string {
	type endpoint struct{ IPAddress, NetworkID string }
	var c struct {
		HostConfig      struct{ NetworkMode string }
		NetworkSettings struct{ Networks map[string]endpoint }
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return ""
	}
	mode, networks := c.HostConfig.NetworkMode, c.NetworkSettings.Networks
	if mode == "default" || mode == "" {
		mode = "bridge"
	}
	if named, found := networks[mode]; found {
		return named.IPAddress
	}
	for _, e := range networks {
		if strings.HasPrefix(e.NetworkID, mode) {
			return e.IPAddress
		}
	}
	return ""
}

// ended returns the last inspect of a container that is gone: not running, and without its process ID, which another process may
// have by now. An agent would signal that process.
func ended(last json.RawMessage) (json.RawMessage, error) {
	raw, err := edit(last, "State", func(state *object) bool {
		for _, name := range []string{"Running", "Paused", "Restarting"} {
			state.set(name, json.RawMessage("false"))
		}
		state.set("Pid", json.RawMessage("0"))
		state.set("Status", json.RawMessage(`"dead"`))
		return true
	})
	if err != nil {
		return nil, err
	}
	return completeContainer(raw)
}

// edit changes one member of an object, which is an object itself. The change reports whether it made any.
func edit(raw json.RawMessage, name string, change func(*object) bool) (json.RawMessage, error) {
	var whole, part object
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, fmt.Errorf("the Engine's inspect of a container: %w", err)
	}
	if value := whole.at(name); value != nil {
		if err := json.Unmarshal(value, &part); err != nil {
			return nil, fmt.Errorf("the Engine's inspect of a container: %s: %w", name, err)
		}
	}
	if !change(&part) {
		return raw, nil
	}
	value, err := part.MarshalJSON()
	if err != nil {
		return nil, err
	}
	whole.set(name, value)
	return whole.MarshalJSON()
}

// agentImageFields are the members that an agent insists on, although it makes no use of their values (contract 1.2
// and 1.10). Apache Mesos looks for them in ContainerConfig, ClusterD in Config or in either.
var agentImageFields = []string{"Entrypoint", "Env"}

// inspectImage returns the Engine's inspect of an image, by reference or ID, completed by completeImage. An absent image with a
// deferred pull has the inspect of pendingImage. The error is the engine's: engine.IsImageNotFound for an absent image.
func (d *Docker) inspectImage(ctx context.Context, reference string) (json.RawMessage, error) {
	raw, err := d.options.Engine.InspectImageRaw(ctx, reference)
	if engine.IsImageNotFound(err) && d.deferred.has(reference) {
		return pendingImage(reference)
	}
	if err != nil {
		return nil, err
	}
	return completeImage(raw)
}

// completeImage gives both Config and ContainerConfig of an image inspect the members that agents look for. The Engine leaves
// ContainerConfig out from API 1.45 on and empty members of Config from API 1.50 on, and agents then launch nothing. What one of
// the two lacks is taken from the other, and is null where both lack it. An environment that agents refuse to read is corrected.
// All else stays as the Engine wrote it.
func completeImage(raw json.RawMessage) (json.RawMessage, error) {
	var image object
	if err := json.Unmarshal(raw, &image); err != nil {
		return nil, fmt.Errorf("the Engine's inspect of an image: %w", err)
	}
	names := [2]string{"Config", "ContainerConfig"}
	var configs [2]object
	for i, name := range names {
		if value := image.at(name); value != nil {
			if err := json.Unmarshal(value, &configs[i]); err != nil {
				return nil, fmt.Errorf("the Engine's inspect of an image: %s: %w", name, err)
			}
		}
	}
	changed := false
	for i, name := range names {
		if !completeConfig(&configs[i], configs[1-i]) {
			continue
		}
		value, err := configs[i].MarshalJSON()
		if err != nil {
			return nil, err
		}
		image.set(name, value)
		changed = true
	}
	if !changed {
		return raw, nil
	}
	return image.MarshalJSON()
}

// completeConfig adds to one configuration of an image what it lacks, from the other, and reports whether it changed anything.
func completeConfig(config *object, other object) (changed bool) {
	for _, name := range agentImageFields {
		if config.index(name) < 0 {
			value := other.at(name)
			if value == nil {
				value = json.RawMessage("null")
			}
			config.set(name, value)
			changed = true
		}
	}
	if readable, corrected := agentEnvironment(config.at("Env")); corrected {
		config.set("Env", readable)
		changed = true
	}
	return changed
}

// agentEnvironment corrects an environment for agents, which refuse an image with an entry that is not NAME=VALUE and one that
// has a name twice: such entries go, and of several with one name the last stays.
func agentEnvironment(value json.RawMessage) (readable json.RawMessage, corrected bool) {
	var entries []string
	if value == nil || json.Unmarshal(value, &entries) != nil {
		return value, false
	}
	last := make(map[string]int, len(entries))
	for i, entry := range entries {
		if name, _, ok := strings.Cut(entry, "="); ok {
			last[name] = i
		}
	}
	kept := make([]string, 0, len(entries))
	for i, entry := range entries {
		if name, _, ok := strings.Cut(entry, "="); ok && last[name] == i {
			kept = append(kept, entry)
		}
	}
	if len(kept) == len(entries) {
		return value, false
	}
	readable, err := json.Marshal(kept)
	return readable, err == nil
}
