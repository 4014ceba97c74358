package dockercli

import (
	"context"
	"encoding/json"
	"fmt"

	"mesos-docker-containerizer/containerizer/engine"
)

// agentImageFields are those of ContainerConfig that an agent insists on, although it makes no use of them (contract sections
// 1.2.4 and 1.10).
var agentImageFields = []string{"Entrypoint", "Env"}

// inspectImage returns the Engine's inspect of an image, by reference or id, with a ContainerConfig: the Engine leaves it out from
// API 1.45 on, and agents launch nothing without it. What the Engine does say stays as it is. An image that is absent because its
// pull was deferred looks as if it were there. The error is the engine's: engine.IsImageNotFound if there is no such image.
func (d *Docker) inspectImage(ctx context.Context, reference string) (json.RawMessage, error) {
	raw, err := d.Engine.InspectImageRaw(ctx, reference)
	if engine.IsImageNotFound(err) && d.deferred.has(reference) {
		return pendingImage(reference)
	}
	if err != nil {
		return nil, err
	}
	return withContainerConfig(raw)
}

// withContainerConfig completes an image inspect with the members of ContainerConfig that agents look for, taken from Config.
func withContainerConfig(raw json.RawMessage) (json.RawMessage, error) {
	var image, config, completed object
	if err := json.Unmarshal(raw, &image); err != nil {
		return nil, fmt.Errorf("the Engine's inspect of an image: %w", err)
	}
	for name, into := range map[string]*object{"Config": &config, "ContainerConfig": &completed} {
		value := image.at(name)
		if value == nil {
			continue
		}
		if err := json.Unmarshal(value, into); err != nil {
			return nil, fmt.Errorf("the Engine's inspect of an image: %s: %w", name, err)
		}
	}
	missing := false
	for _, name := range agentImageFields {
		if completed.has(name) {
			continue
		}
		missing = true
		value := config.at(name)
		if value == nil {
			value = json.RawMessage("null")
		}
		completed.set(name, value)
	}
	if !missing {
		return raw, nil
	}
	value, err := json.Marshal(completed)
	if err != nil {
		return nil, err
	}
	image.set("ContainerConfig", value)
	return json.Marshal(image)
}
