package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/internal/agentflag"
)

// agreeing are the flags that agent and daemon both act on, and should have the same. Not among them: containerizers and
// launcher_dir, which have checks of their own; docker_config, which is secret and where both sides' count; ip, port and hostname,
// which only say where the agent is; executor_registration_timeout, where a difference is a documented choice.
var agreeing = []string{
	"docker_socket", "docker_remove_delay", "docker_stop_timeout", "docker_kill_orphans", "executor_shutdown_grace_period",
	"cgroups_enable_cfs", "default_container_dns", "sandbox_directory", "work_dir",
}

// agreement compares the running agent's flags with our effective settings.
func (d *doctor) agreement(flags map[string]string) finding {
	var all findings
	for _, s := range d.Config.Rows() {
		live, told := flags[s.Name]
		origin := d.Config.Origin(s.Name)
		if !slices.Contains(agreeing, s.Name) || !told && s.Value == nil || alike(live, s.Text()) {
			continue
		}
		if !told && origin.Layer == config.BuiltIn {
			continue // an agent that is too old for the flag
		}
		all = append(all, differs(s, origin.Layer, live))
	}
	return all.joined(fmt.Sprintf("%d flags of agent and daemon agree", len(agreeing)))
}

func differs(s config.Row, layer config.Layer, live string) finding {
	seen := fmt.Sprintf("%s is %s for the agent and %s for the daemon (%s)", s.Name, orNotSet(live), orNotSet(s.Text()), s.Origin)
	own := "/etc/mesos-docker-containerizer/" + s.Name
	switch layer {
	case config.BuiltIn:
		return warning(seen, fmt.Sprintf("the agent has it from where the daemon does not look, such as its command line: put it into %s too", own))
	case config.AgentDefaults, config.AgentFiles:
		return warning(seen, fmt.Sprintf("restart the agent; if it still differs, the agent does not read that place: put the agent's value into %s", own))
	}
	return warning(seen, "fine if it is meant; else remove it from "+s.Origin)
}

func orNotSet(value string) string { return cmp.Or(value, "not set") }

// alike compares values as what they mean: durations, paths, JSON, booleans.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	if x, errX := agentflag.ParseDuration(a); errX == nil {
		y, errY := agentflag.ParseDuration(b)
		return errY == nil && x == y
	}
	if strings.HasPrefix(a, "/") && strings.HasPrefix(b, "/") {
		return filepath.Clean(a) == filepath.Clean(b) || samePath(a, b)
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// samePath follows links: /var/run/docker.sock is /run/docker.sock.
func samePath(a, b string) bool {
	x, errX := filepath.EvalSymlinks(a)
	y, errY := filepath.EvalSymlinks(b)
	return errX == nil && errY == nil && x == y
}
