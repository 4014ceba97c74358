package dockercli

import (
	"encoding/json"
	"fmt"
	"strings"
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
