package marathon

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

func (b *builder) healthCheck() *mesos.HealthCheck {
	if b.app.healthCheck == nil {
		return nil
	}
	hc := *b.app.healthCheck // the task must not share memory with the app
	info := &mesos.HealthCheck{
		DelaySeconds:        &hc.delay,
		IntervalSeconds:     &hc.interval,
		TimeoutSeconds:      &hc.timeout,
		GracePeriodSeconds:  &hc.grace,
		ConsecutiveFailures: &hc.failures,
	}
	protocol := mesos.IPv4
	if hc.ipv6 {
		protocol = mesos.IPv6
	}
	switch hc.protocol {
	case "COMMAND":
		info.Type = mesos.HealthCheck_COMMAND
		info.Command = shellCommand(hc.command)
	case "MESOS_TCP":
		info.Type = mesos.HealthCheck_TCP
		info.TCP = &mesos.HealthCheck_TCPCheckInfo{Port: b.checkPort(hc.port), Protocol: &protocol}
	default:
		info.Type = mesos.HealthCheck_HTTP
		scheme := strings.ToLower(strings.TrimPrefix(hc.protocol, "MESOS_"))
		info.HTTP = &mesos.HealthCheck_HTTPCheckInfo{
			Port: b.checkPort(hc.port), Protocol: &protocol, Scheme: &scheme, Path: optional(hc.path),
		}
	}
	return info
}

func (b *builder) check() *mesos.CheckInfo {
	if b.app.check == nil {
		return nil
	}
	c := *b.app.check
	info := &mesos.CheckInfo{DelaySeconds: &c.delay, IntervalSeconds: &c.interval, TimeoutSeconds: &c.timeout}
	switch c.protocol {
	case "command":
		info.Type = mesos.CheckInfo_COMMAND
		command := shellCommand(c.shell)
		if len(c.argv) > 0 {
			shell := false
			command = &mesos.CommandInfo{Shell: &shell, Value: optional(c.argv[0]), Arguments: slices.Clone(c.argv)}
		}
		info.Command = &mesos.CheckInfo_Command{Command: *command}
	case "tcp":
		info.Type = mesos.CheckInfo_TCP
		info.TCP = &mesos.CheckInfo_Tcp{Port: b.checkPort(c.port)}
	default:
		info.Type = mesos.CheckInfo_HTTP
		info.HTTP = &mesos.CheckInfo_Http{Port: b.checkPort(c.port), Path: optional(c.path)}
	}
	return info
}

// checkPort is the port inside the container's network, which is where executors probe.
func (b *builder) checkPort(ref portReference) uint32 {
	switch {
	case ref.port != nil:
		return *ref.port
	case b.app.network.mode.mapped():
		return b.containerPort(*ref.index)
	default:
		return *b.hostPorts[*ref.index]
	}
}

func shellCommand(line string) *mesos.CommandInfo {
	shell := true
	return &mesos.CommandInfo{Shell: &shell, Value: &line}
}
