package runspec

import (
	"github.com/docker/docker/api/types/blkiodev"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// typed builds what the docker command would send for the generated options and labels, without its parser. Much of it is
// what the command says when nothing is asked for: a foreground run attaches stdout and stderr, a swappiness of -1 leaves
// that to the Engine, and empty lists are not null. Tests hold it equal to docker's parser.
func (r *runOptions) typed(labels map[string]string) (*container.Config, *container.HostConfig, *network.NetworkingConfig) {
	exposed, bindings := portMaps(r.ports)
	config := &container.Config{
		Hostname:     r.hostname,
		ExposedPorts: exposed,
		User:         r.user,
		Tty:          r.tty,
		AttachStdout: true,
		AttachStderr: true,
		Env:          r.environmentList(),
		Cmd:          r.arguments,
		Image:        r.image,
		Volumes:      map[string]struct{}{},
		Labels:       labels,
	}
	if r.entrypoint != "" {
		config.Entrypoint = []string{r.entrypoint}
	}
	host := &container.HostConfig{
		Binds:         r.binds,
		OomScoreAdj:   r.oomScoreAdj,
		Privileged:    r.privileged,
		PortBindings:  bindings,
		DNS:           notNull(r.dns.Nameservers),
		DNSSearch:     notNull(r.dns.Search),
		DNSOptions:    notNull(r.dns.Options),
		NetworkMode:   container.NetworkMode(r.network),
		CapAdd:        r.capAdd,
		CapDrop:       r.capDrop,
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:     container.LogConfig{Config: map[string]string{}},
		VolumeDriver:  r.volumeDriver,
		Resources:     r.typedResources(),
	}
	return config, host, &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
}

// typedResources is the part of HostConfig that cgroups and process limits are made of.
func (r *runOptions) typedResources() container.Resources {
	swappiness, keepOOMKiller, pidsLimit := int64(-1), false, int64(0)
	resources := container.Resources{
		Memory:               r.memory,
		MemoryReservation:    r.memoryReservation,
		MemorySwappiness:     &swappiness,
		OomKillDisable:       &keepOOMKiller,
		PidsLimit:            &pidsLimit,
		CPUShares:            r.cpuShares,
		CPUQuota:             r.cpuQuota,
		BlkioWeightDevice:    []*blkiodev.WeightDevice{},
		BlkioDeviceReadBps:   []*blkiodev.ThrottleDevice{},
		BlkioDeviceWriteBps:  []*blkiodev.ThrottleDevice{},
		BlkioDeviceReadIOps:  []*blkiodev.ThrottleDevice{},
		BlkioDeviceWriteIOps: []*blkiodev.ThrottleDevice{},
		Ulimits:              []*container.Ulimit{},
		Devices:              []container.DeviceMapping{},
	}
	for _, limit := range r.ulimits {
		resources.Ulimits = append(resources.Ulimits, &limit)
	}
	if r.gpus > 0 {
		resources.DeviceRequests = []container.DeviceRequest{{
			Count:        r.gpus,
			Capabilities: [][]string{{"gpu"}},
			Options:      map[string]string{},
		}}
	}
	return resources
}

// notNull returns a copy that is written as [] when it is empty.
func notNull(list []string) []string { return append([]string{}, list...) }
