package policy

import (
	"maps"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
)

// ownLog are log drivers that keep the log with the container. All others work in the Engine, as root and in the host's
// network, on what the task tells them.
var ownLog = []string{"", "none", "local", "json-file"}

// hostLog are log drivers that write to a log of the host itself, with where its door is.
var hostLog = map[string]string{"journald": "/run/systemd/journal/socket", "syslog": "/dev/log"}

// checkLog checks a log driver that the task has chosen: a socket or file that an option names is a host path, and an address
// is reached by the network of the host.
func (c *check) checkLog() {
	l := c.HostConfig.LogConfig
	if l.Type == c.logDriver && maps.Equal(l.Config, c.logOpts) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(l.Config)) {
		value := l.Config[key]
		scheme, rest, isURL := strings.Cut(value, "://")
		switch {
		case strings.HasPrefix(value, "/"):
			rest = value
		case isURL && strings.HasPrefix(rest, "/"): // unix:///run/x, unixgram:///dev/log, file:///etc/x
		case isURL:
			d := demand{"HostConfig.LogConfig", key, "log option " + key + " with an address (" + runspec.Quote(scheme) + `), which is reached by network "host",`}
			c.network(d, networkHost)
			continue
		default:
			continue
		}
		c.hostPath(demand{"HostConfig.LogConfig", key, "log option " + key}, rest, readWrite)
	}
	door, ok := hostLog[l.Type]
	switch {
	case slices.Contains(ownLog, l.Type):
	case ok && l.Config["syslog-address"] == "":
		c.hostPath(demand{"HostConfig.LogConfig", l.Type, "log driver " + l.Type}, door, readWrite)
	default:
		c.network(demand{"HostConfig.LogConfig", l.Type, "log driver " + runspec.Quote(l.Type) + `, which works in network "host",`}, networkHost)
	}
}
