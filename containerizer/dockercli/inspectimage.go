package dockercli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"mesos-docker-containerizer/containerizer/engine"
)

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
		if !config.has(name) {
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
