package marathon

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// container is the ContainerInfo of the app; nil if it has none.
func (b *builder) container() *mesos.ContainerInfo {
	c := b.app.container
	if c.image == "" {
		return nil
	}
	docker := &mesos.ContainerInfo_DockerInfo{
		Image:          c.image,
		Network:        dockerNetworks[b.app.network.mode].Enum(),
		PortMappings:   b.portMappings(),
		Privileged:     &c.privileged,
		ForcePullImage: &c.forcePull,
	}
	for _, p := range c.parameters {
		docker.Parameters = append(docker.Parameters, mesos.Parameter{Key: p.key, Value: p.value})
	}
	docker.Parameters = append(docker.Parameters, mesos.Parameter{Key: "label", Value: "MESOS_TASK_ID=" + b.taskID})

	info := &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: docker}
	for _, v := range c.volumes {
		// Persistent volumes are resources, see persistentVolumes.
		if v.hostPath != "" || v.external != nil {
			info.Volumes = append(info.Volumes, mesosVolume(v))
		}
	}
	if b.app.network.mode == modeContainer {
		info.NetworkInfos = []mesos.NetworkInfo{{Name: &b.app.network.name}}
	}
	if c.tty {
		info.TTYInfo = &mesos.TTYInfo{}
	}
	return info
}

var dockerNetworks = map[networkMode]mesos.ContainerInfo_DockerInfo_Network{
	modeHost:      mesos.ContainerInfo_DockerInfo_HOST,
	modeBridge:    mesos.ContainerInfo_DockerInfo_BRIDGE,
	modeContainer: mesos.ContainerInfo_DockerInfo_USER,
	modeNone:      mesos.ContainerInfo_DockerInfo_NONE,
}

// portMappings has an entry for each protocol of each mapping with a host port. Container port 0 is the host port.
func (b *builder) portMappings() []mesos.ContainerInfo_DockerInfo_PortMapping {
	if !b.app.network.mode.mapped() {
		return nil
	}
	var all []mesos.ContainerInfo_DockerInfo_PortMapping
	for i, p := range b.app.ports {
		if b.hostPorts[i] == nil {
			continue
		}
		for _, protocol := range p.protocols {
			all = append(all, mesos.ContainerInfo_DockerInfo_PortMapping{
				HostPort:      *b.hostPorts[i],
				ContainerPort: b.containerPort(i),
				Protocol:      &protocol,
			})
		}
	}
	return all
}

func (b *builder) containerPort(i int) uint32 {
	number := b.app.ports[i].number
	if number == 0 && b.hostPorts[i] != nil {
		return *b.hostPorts[i]
	}
	return number
}

func mesosVolume(v volume) mesos.Volume {
	mode := mesos.RW
	if v.readOnly {
		mode = mesos.RO
	}
	volume := mesos.Volume{ContainerPath: v.containerPath, HostPath: optional(v.hostPath), Mode: &mode}
	if v.external != nil {
		volume.Source = &mesos.Volume_Source{
			Type:         mesos.Volume_Source_DOCKER_VOLUME,
			DockerVolume: &mesos.Volume_Source_DockerVolume{Driver: optional(v.external.driver), Name: v.external.name},
		}
	}
	return volume
}

// resources lists what the task takes from the offer: scalars, then ports, then persistent volumes. Nothing of zero is listed.
func (b *builder) resources() []mesos.Resource {
	var all []mesos.Resource
	for _, r := range []struct {
		name  string
		value float64
	}{{"cpus", b.app.cpus}, {"mem", b.app.mem}, {"disk", b.app.disk}} {
		if r.value != 0 {
			all = append(all, allocated(scalar(r.name, r.value)))
		}
	}
	if ranges := b.portRanges(); len(ranges) > 0 {
		all = append(all, allocated(mesos.Resource{
			Name:   "ports",
			Type:   mesos.RANGES.Enum(),
			Ranges: &mesos.Value_Ranges{Range: ranges},
		}))
	}
	return append(all, b.persistentVolumes()...)
}

func allocated(r mesos.Resource) mesos.Resource {
	r.AllocationInfo = &mesos.Resource_AllocationInfo{Role: new("*")}
	return r
}

func scalar(name string, value float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
}

// portRanges keeps the order of the app's ports and joins a port to the range before it where it is its successor. A host port with
// two mappings, of two protocols, is one resource.
func (b *builder) portRanges() []mesos.Value_Range {
	var ranges []mesos.Value_Range
	seen := map[uint32]bool{}
	for _, port := range b.hostPorts {
		if port == nil || seen[*port] {
			continue
		}
		seen[*port] = true
		p := uint64(*port)
		if n := len(ranges); n > 0 && ranges[n-1].End+1 == p {
			ranges[n-1].End = p
			continue
		}
		ranges = append(ranges, mesos.Value_Range{Begin: p, End: p})
	}
	return ranges
}

// persistentVolumes are disk resources. The reservation they have in an offer is missing, for there is nothing to take it from.
func (b *builder) persistentVolumes() []mesos.Resource {
	var all []mesos.Resource
	for _, v := range b.app.container.volumes {
		if v.persistentMB == 0 {
			continue
		}
		disk := allocated(scalar("disk", float64(v.persistentMB)))
		disk.Disk = &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{
				ID: b.app.path.safe() + "#" + v.containerPath + "#" + b.offer.InstanceUUID,
			},
			Volume: &mesos.Volume{ContainerPath: v.containerPath, Mode: mesos.RW.Enum()},
		}
		all = append(all, disk)
	}
	return all
}

// discovery names the task and its ports for service discovery.
func (b *builder) discovery() *mesos.DiscoveryInfo {
	name := b.app.path.hostname()
	ports := &mesos.Ports{}
	for i, p := range b.app.ports {
		var scope variables
		scope.setAll(p.labels)
		if host := b.hostPorts[i]; host == nil {
			scope.set("network-scope", "container")
			scope.set("network-name", b.app.network.name)
		} else {
			p.number = *host
			if b.app.network.mode.mapped() {
				scope.set("network-scope", "host")
			}
		}
		for _, protocol := range p.protocols {
			ports.Ports = append(ports.Ports, mesos.Port{Number: p.number, Name: optional(p.name), Protocol: &protocol, Labels: labels(scope.pairs)})
		}
	}
	return &mesos.DiscoveryInfo{Visibility: mesos.FRAMEWORK, Name: &name, Ports: ports}
}

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
		info.HTTP = &mesos.HealthCheck_HTTPCheckInfo{
			Port: b.checkPort(hc.port), Protocol: &protocol, Path: optional(hc.path),
			Scheme: new(strings.ToLower(strings.TrimPrefix(hc.protocol, "MESOS_"))),
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
			command = &mesos.CommandInfo{Shell: new(false), Value: optional(c.argv[0]), Arguments: slices.Clone(c.argv)}
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
	return &mesos.CommandInfo{Shell: new(true), Value: &line}
}
