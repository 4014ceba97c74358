package dockercli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// agentContainer is what an agent knows of a container.
type agentContainer struct {
	ID, Name   string
	PID        int64
	Started    bool
	IPv4, IPv6 string
}

// parseAsAgent reads the answer to an inspect by the rules of a stock agent (contract 1.10). What fails here makes an agent
// give up a task, or end.
func parseAsAgent(output string) (agentContainer, error) {
	var c agentContainer
	var array []map[string]any
	if err := json.Unmarshal([]byte(output), &array); err != nil {
		return c, fmt.Errorf("parse JSON: %w", err)
	}
	if len(array) != 1 {
		return c, fmt.Errorf("%d objects", len(array))
	}
	root := array[0]
	var failures []error
	required := func(path string, into func(any) bool) {
		value, err := agentFind(root, path)
		if err == nil && (value == nil || !into(value)) {
			err = errors.New("missing or of the wrong type")
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", path, err))
		}
	}
	text := func(s *string) func(any) bool {
		return func(v any) (ok bool) { *s, ok = v.(string); return ok }
	}
	var startedAt string
	required("Id", text(&c.ID))
	required("Name", text(&c.Name))
	required("State.Pid", func(v any) bool { f, ok := v.(float64); c.PID = int64(f); return ok })
	required("State.StartedAt", text(&startedAt))
	c.Started = startedAt != "0001-01-01T00:00:00Z"

	deprecated := true
	if mode, err := agentFind(root, "HostConfig.NetworkMode"); err == nil && mode != nil {
		network := "NetworkSettings.Networks." + mode.(string)
		if address, err := agentFind(root, network+".IPAddress"); err == nil && text(&c.IPv4)(address) {
			deprecated = false
		}
		if address, err := agentFind(root, network+".GlobalIPv6Address"); err == nil {
			text(&c.IPv6)(address)
		}
	}
	if deprecated {
		required("NetworkSettings.IPAddress", text(&c.IPv4))
	}
	failures = append(failures, arrayOf(root, "HostConfig.Devices", func(v any) bool {
		device, _ := v.(map[string]any)
		for _, name := range []string{"PathOnHost", "PathInContainer", "CgroupPermissions"} {
			if _, ok := device[name].(string); !ok {
				return false
			}
		}
		return true
	}))
	for _, path := range []string{"HostConfig.Dns", "HostConfig.DnsOptions", "HostConfig.DnsSearch"} {
		failures = append(failures, arrayOf(root, path, func(v any) bool { _, ok := v.(string); return ok }))
	}
	return c, errors.Join(failures...)
}

// arrayOf checks an array that may be missing or null.
func arrayOf(root map[string]any, path string, valid func(any) bool) error {
	found, err := agentFind(root, path)
	if err != nil || found == nil {
		return err
	}
	array, ok := found.([]any)
	if !ok {
		return fmt.Errorf("%s is not an array", path)
	}
	for _, v := range array {
		if !valid(v) {
			return fmt.Errorf("%s: malformed entry %v", path, v)
		}
	}
	return nil
}

// agentFind looks a path up, with its defects: names are cut at dots, and brackets are taken for subscripts. Nil is what is not
// there, and null.
func agentFind(object map[string]any, path string) (any, error) {
	name, rest, deeper := strings.Cut(path, ".")
	subscript := -1
	if open := strings.IndexByte(name, '['); open >= 0 {
		number, closed := strings.CutSuffix(name[open+1:], "]")
		n, err := strconv.Atoi(number)
		if !closed || err != nil || n < 0 {
			return nil, fmt.Errorf("malformed array subscript in %q", name)
		}
		name, subscript = name[:open], n
	}
	value, found := object[name]
	if !found {
		return nil, nil
	}
	if subscript >= 0 {
		array, ok := value.([]any)
		switch {
		case value == nil || ok && subscript >= len(array):
			return nil, nil
		case !ok:
			return nil, fmt.Errorf("%s is not an array", name)
		}
		value = array[subscript]
	}
	if !deeper {
		return value, nil
	}
	inner, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not an object", name)
	}
	return agentFind(inner, rest)
}

func TestAgentParserRefusesWhatAgentsRefuse(t *testing.T) {
	const head = `"Id":"a","Name":"/a","State":{"Pid":1,"StartedAt":"2026-11-22T11:14:26Z"}`
	for name, c := range map[string]struct {
		output string
		want   string // empty if it is read
	}{
		"nothing":       {`[]`, "0 objects"},
		"two":           {`[{},{}]`, "2 objects"},
		"named network": {`[{` + head + `,"HostConfig":{"NetworkMode":"n"},"NetworkSettings":{"Networks":{"n":{"IPAddress":""}}}}]`, ""},
		"dotted network": {`[{` + head + `,"HostConfig":{"NetworkMode":"n.x"},"NetworkSettings":{"Networks":{"n.x":{"IPAddress":""}}}}]`,
			"NetworkSettings.IPAddress"},
		"bracketed network": {`[{` + head + `,"HostConfig":{"NetworkMode":"n[x"},"NetworkSettings":{"Networks":{"n[x":{"IPAddress":""}}}}]`,
			"NetworkSettings.IPAddress"},
		"top level": {`[{` + head + `,"HostConfig":{"NetworkMode":"n[x","Devices":null},"NetworkSettings":{"IPAddress":""}}]`, ""},
		"device":    {`[{` + head + `,"HostConfig":{"Devices":[{}]},"NetworkSettings":{"IPAddress":""}}]`, "HostConfig.Devices"},
		"dns":       {`[{` + head + `,"HostConfig":{"Dns":[1]},"NetworkSettings":{"IPAddress":""}}]`, "HostConfig.Dns"},
		"no pid":    {`[{"Id":"a","Name":"/a","State":{"StartedAt":""},"NetworkSettings":{"IPAddress":""}}]`, "State.Pid"},
	} {
		_, err := parseAsAgent(c.output)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
