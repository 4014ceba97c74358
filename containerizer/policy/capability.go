package policy

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
)

// allCapabilities is docker's word for every capability.
const allCapabilities = "ALL"

// standardCapabilities are those that the Engine gives to every container, so adding them adds nothing.
var standardCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID",
	"SETPCAP", "SETUID", "SYS_CHROOT",
}

// parseCapability reads a capability in any of docker's forms, or ALL.
func parseCapability(item string) (string, error) {
	odd := func(r rune) bool { return !('A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_') }
	name := canonicalCapability(item)
	if name == "" || strings.ContainsFunc(name, odd) {
		return "", errors.New("it is not a capability, such as NET_ADMIN or ALL")
	}
	return name, nil
}

// canonicalCapability returns a name in the form SYS_ADMIN. As in the Engine, case and the prefix CAP_ do not matter.
func canonicalCapability(name string) string {
	return strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "CAP_")
}

func (c *check) capability(d demand, name string) {
	if !slices.Contains(standardCapabilities, name) {
		permit(c, &c.capabilities, d, func(item string) bool { return item == allCapabilities || item == name })
	}
}

// checkCapabilities checks added capabilities, and settings that need a capability outside of a container and that the Engine applies as
// root.
func (c *check) checkCapabilities() {
	h := c.HostConfig
	for _, added := range h.CapAdd {
		name := canonicalCapability(added)
		c.capability(demand{"HostConfig.CapAdd", added, "capability " + runspec.Quote(name)}, name)
	}
	for _, limit := range h.Ulimits {
		if limit == nil || limit.Name != "rtprio" && limit.Name != "nice" || limit.Hard == 0 && limit.Soft == 0 {
			continue
		}
		d := demand{"HostConfig.Ulimits", limit.String(), "ulimit " + limit.Name + ", which amounts to capability SYS_NICE,"}
		c.capability(d, "SYS_NICE")
	}
	if n := max(h.CPURealtimeRuntime, h.CPURealtimePeriod); n != 0 {
		d := demand{"HostConfig.CpuRealtimeRuntime", strconv.FormatInt(n, 10), "real-time scheduling, which amounts to capability SYS_NICE,"}
		c.capability(d, "SYS_NICE")
	}
	if h.OomScoreAdj < 0 {
		d := demand{"HostConfig.OomScoreAdj", strconv.Itoa(h.OomScoreAdj), "a negative oom-score-adj, which amounts to capability SYS_RESOURCE,"}
		c.capability(d, "SYS_RESOURCE")
	}
	if h.OomKillDisable != nil && *h.OomKillDisable {
		d := demand{"HostConfig.OomKillDisable", "true", "oom-kill-disable, which amounts to capability SYS_RESOURCE,"}
		c.capability(d, "SYS_RESOURCE")
	}
}
