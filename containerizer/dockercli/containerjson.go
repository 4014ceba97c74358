package dockercli

import (
	"encoding/json"
	"fmt"
	"strings"
)

// completeContainer adds to a container's inspect what agents do not find any more: the address at the top of NetworkSettings,
// which Engines leave out from API 1.52 on. An agent looks there whenever the network mode is not the name of a network that it
// finds under NetworkSettings.Networks, and takes the lack of it for a failed inspect (contract 1.10). An inspect that has
// it is returned as it is.
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

// addressOf is the container's address in the network it was created with; empty where it has none of its own.
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

// ended is the last known inspect of a container that is gone: it does not run, and its process id may be another process's by
// now, which an agent would signal.
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

// edit changes one member of an object, itself an object. The change reports whether it made any.
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
