package runspec

import (
	"fmt"

	"github.com/docker/docker/api/types/blkiodev"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// option is an option of docker run with its values, one for each time that it is given.
type option struct {
	name   string
	values []string
}

// table has a row for each option, in stock's order (contract 2.1). What stock has no argument for but docker does comes at the
// end. A row gives the option as arguments and sets the field that docker's parser makes of them.
func (r *runOptions) table(c *container.Config, h *container.HostConfig) []option {
	h.NetworkMode, c.Env = container.NetworkMode(r.network), r.environmentList()
	c.ExposedPorts, h.PortBindings = portMaps(r.ports)
	if r.entrypoint != "" {
		c.Entrypoint = []string{r.entrypoint}
	}
	for _, limit := range r.ulimits {
		h.Ulimits = append(h.Ulimits, &limit)
	}
	if r.gpus > 0 {
		h.DeviceRequests = []container.DeviceRequest{{Count: r.gpus, Capabilities: [][]string{{"gpu"}}, Options: map[string]string{}}}
	}
	return []option{
		single("privileged", r.privileged, &h.Privileged),
		single("cpu-shares", r.cpuShares, &h.CPUShares),
		single("cpu-quota", r.cpuQuota, &h.CPUQuota),
		single("memory-reservation", r.memoryReservation, &h.MemoryReservation),
		single("memory", r.memory, &h.Memory),
		single("oom-score-adj", r.oomScoreAdj, &h.OomScoreAdj),
		{"env", texts(r.environment, func(v variable) string { return v.name + "=" + v.value })},
		repeated("volume", r.binds, &h.Binds),
		single("volume-driver", r.volumeDriver, &h.VolumeDriver),
		{"net", []string{r.network}},
		repeated("dns", r.dns.Nameservers, &h.DNS),
		repeated("dns-search", r.dns.Search, &h.DNSSearch),
		repeated("dns-option", r.dns.Options, &h.DNSOptions),
		single("hostname", r.hostname, &c.Hostname),
		{"publish", texts(r.ports, publishedPort.String)},
		single("entrypoint", r.entrypoint, new(string)),

		single("user", r.user, &c.User),
		single("tty", r.tty, &c.Tty),
		{"ulimit", texts(r.ulimits, func(l container.Ulimit) string { return fmt.Sprintf("%s=%d:%d", l.Name, l.Soft, l.Hard) })},
		repeated("cap-drop", r.capDrop, (*[]string)(&h.CapDrop)),
		repeated("cap-add", r.capAdd, (*[]string)(&h.CapAdd)),
		single("gpus", r.gpus, new(int)),
	}
}

// single is an option that is given once, unless its value is the zero one.
func single[T comparable](name string, value T, field *T) option {
	*field = value
	if value == *new(T) {
		return option{name: name}
	}
	return option{name, []string{fmt.Sprint(value)}}
}

// repeated is an option that is given once for each value.
func repeated(name string, values []string, field *[]string) option {
	*field = append(*field, values...)
	return option{name, values}
}

func texts[T any](list []T, text func(T) string) []string {
	all := make([]string, 0, len(list))
	for _, each := range list {
		all = append(all, text(each))
	}
	return all
}

// generated writes the options as arguments of docker run. They come before the task's parameters, which therefore win.
func (r *runOptions) generated() []string {
	var list []string
	for _, o := range r.table(new(container.Config), new(container.HostConfig)) {
		for _, value := range o.values {
			list = append(list, "--"+o.name+"="+value)
		}
	}
	return list
}

// typed builds what the docker command would send for the options and labels, without its parser. Here is what the command says
// when nothing is asked for: a foreground run attaches stdout and stderr, a swappiness of -1 leaves that to the Engine, and empty
// lists are not null. Tests hold the result equal to that of docker's parser.
func (r *runOptions) typed(labels map[string]string) (*container.Config, *container.HostConfig, *network.NetworkingConfig) {
	config := &container.Config{
		AttachStdout: true,
		AttachStderr: true,
		Cmd:          r.arguments,
		Image:        r.image,
		Volumes:      map[string]struct{}{},
		Labels:       labels,
	}
	swappiness := int64(-1)
	host := &container.HostConfig{
		DNS:           []string{},
		DNSSearch:     []string{},
		DNSOptions:    []string{},
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:     container.LogConfig{Config: map[string]string{}},
		Resources: container.Resources{
			MemorySwappiness:     &swappiness,
			OomKillDisable:       new(bool),
			PidsLimit:            new(int64),
			BlkioWeightDevice:    []*blkiodev.WeightDevice{},
			BlkioDeviceReadBps:   []*blkiodev.ThrottleDevice{},
			BlkioDeviceWriteBps:  []*blkiodev.ThrottleDevice{},
			BlkioDeviceReadIOps:  []*blkiodev.ThrottleDevice{},
			BlkioDeviceWriteIOps: []*blkiodev.ThrottleDevice{},
			Ulimits:              []*container.Ulimit{},
			Devices:              []container.DeviceMapping{},
		},
	}
	r.table(config, host)
	return config, host, &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
}
