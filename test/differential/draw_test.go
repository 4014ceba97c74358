package differential

import (
	"encoding/json"
	"maps"
	"math"
	"slices"

	"mesos-docker-containerizer/internal/agentflag"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"
)

func pointer[T any](v T) *T { return &v }

// seldom is true once in n times.
func seldom(t *rapid.T, n int, label string) bool { return rapid.IntRange(1, n).Draw(t, label) == n }

// optional draws a pointer, which is nil in most cases.
func optional[T any](t *rapid.T, label string, g *rapid.Generator[T]) *T {
	if !seldom(t, 3, label+" given") {
		return nil
	}
	return pointer(g.Draw(t, label))
}

// oneOf draws one of the values.
func oneOf[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

// The generators are made anew for each use, since rapid's are not safe for concurrent use.

func oddText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`),
		rapid.SampledFrom([]string{"", "a=b", "=", "two\nlines", "--privileged", "ünï", `"quoted"`, "$HOME", "\t", "ends\\", "\u2028", "\x01"}))
}

func variableNames() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[A-Z_]{1,4}`),
		rapid.SampledFrom([]string{"A=B", "MESOS_SANDBOX", "with space", "-e", "PATH", "HOME", "lower.dot", "ü"}))
}

func amounts() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64Range(0, 2), rapid.SampledFrom([]float64{0, 0.0004, 0.001, 0.01, 0.1, 0.29, 0.3, 1, 1.1}))
}

// drawAssignment draws a task as masters let it through, with a mistake now and then.
func drawAssignment(t *rapid.T, known []string) assignment {
	a := assignment{cfs: rapid.Bool().Draw(t, "cgroups_enable_cfs"), hostMemory: 8 << 30,
		honorUser: rapid.Bool().Draw(t, "honor_command_user")}
	a.SandboxDirectory = "{directory}/" + oneOf(t, "sandbox", "sandbox", "sandbox", "sandbox", "with:colon", "with blank ü")
	a.MappedDirectory = oneOf(t, "mapped", "/mnt/mesos/sandbox", "/mnt/mesos/sandbox", "/m n")
	a.Info = mesos.TaskInfo{Name: "differential", TaskID: mesos.TaskID{Value: "t"}, AgentID: mesos.AgentID{Value: "a"}}
	a.Info.Container = drawContainer(t)
	drawPorts(t, &a)
	drawCommand(t, &a)
	drawResources(t, &a)
	if seldom(t, 3, "default_container_dns") {
		a.dns = drawDNS(t)
	}
	for range rapid.IntRange(0, 4).Draw(t, "parameters") {
		key := rapid.SampledFrom(known).Draw(t, "key")
		if len(options[key].usual) == 0 && !seldom(t, 10, "an option that is always refused") {
			continue
		}
		a.Info.Container.Docker.Parameters = append(a.Info.Container.Docker.Parameters,
			mesos.Parameter{Key: key, Value: drawOption(t, options[key], "value of "+key)})
	}
	return a
}

func drawContainer(t *rapid.T) *mesos.ContainerInfo {
	docker := &mesos.ContainerInfo_DockerInfo{
		Image:          "{image}",
		Privileged:     optional(t, "privileged", rapid.Bool()),
		ForcePullImage: optional(t, "force_pull_image", rapid.Bool()),
		Network:        optional(t, "network", rapid.SampledFrom([]mesos.ContainerInfo_DockerInfo_Network{1, 2, 2, 2, 3, 4})),
	}
	if seldom(t, 20, "another image") {
		docker.Image = oneOf(t, "image", "nosuch-image:1", "UPPER", "a/b:c:d", "-x", "sha256:00", "{image}@sha256:bad", "b ad")
	}
	info := &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: docker}
	info.Hostname = nil
	if docker.GetNetwork() != mesos.ContainerInfo_DockerInfo_HOST || seldom(t, 10, "hostname with the host's network") {
		info.Hostname = optional(t, "hostname", rapid.SampledFrom([]string{"web", "a.b", "", "UPPER", "not a name", "-x"}))
	}
	if docker.GetNetwork() == mesos.ContainerInfo_DockerInfo_USER {
		info.NetworkInfos = []mesos.NetworkInfo{{Name: pointer(oneOf(t, "network name", "{net}", "{net}", "{net}", "nosuch", "default", "name={net}"))}}
		if seldom(t, 10, "wrong network_infos") {
			info.NetworkInfos = oneOf(t, "network_infos", nil, []mesos.NetworkInfo{{}}, []mesos.NetworkInfo{{Name: pointer("a")}, {Name: pointer("b")}})
		}
	}
	for range oneOf(t, "volumes", 0, 0, 1, 1, 2, 3) {
		info.Volumes = append(info.Volumes, drawVolume(t))
	}
	docker.VolumeDriver = optional(t, "volume_driver", rapid.Just("local")) // for any other, the Engine looks 15 seconds
	if seldom(t, 6, "terminal") {
		info.TTYInfo = &mesos.TTYInfo{WindowSize: optional(t, "size", rapid.Just(mesos.TTYInfo_WindowSize{Rows: 25, Columns: 80}))}
	}
	if seldom(t, 6, "rlimits") {
		info.RlimitInfo = &mesos.RLimitInfo{Rlimits: []mesos.RLimitInfo_RLimit{
			{Type: mesos.RLimitInfo_RLimit_RLMT_NOFILE, Soft: pointer(uint64(10)), Hard: pointer(uint64(20))},
			{Type: oneOf(t, "rlimit", mesos.RLimitInfo_RLimit_RLMT_CORE, mesos.RLimitInfo_RLimit_RLMT_RTTIME, mesos.RLimitInfo_RLimit_RLMT_NPROC)},
		}}
	}
	if seldom(t, 6, "capabilities") {
		info.LinuxInfo = &mesos.LinuxInfo{EffectiveCapabilities: &mesos.CapabilityInfo{
			Capabilities: rapid.SliceOfDistinct(rapid.SampledFrom([]mesos.CapabilityInfo_Capability{
				mesos.CapabilityInfo_CHOWN, mesos.CapabilityInfo_NET_RAW, mesos.CapabilityInfo_AUDIT_READ}), rapid.ID).Draw(t, "effective")}}
	}
	return info
}

// drawVolume draws one of any kind; some are mistakes.
func drawVolume(t *rapid.T) mesos.Volume {
	absolute := oneOf(t, "container path", "/data", "/a b", "/ü/x", "/data/deep/", "/data", "//d", "/c:d", "/")
	if absolute == "/" && !seldom(t, 5, "root") {
		absolute = "/r"
	}
	v := mesos.Volume{Mode: oneOf(t, "mode", mesos.RW, mesos.RO).Enum(), ContainerPath: absolute}
	switch rapid.IntRange(0, 8).Draw(t, "kind of volume") {
	case 0, 1, 2:
		v.HostPath = pointer(oneOf(t, "host path", "{directory}/h", "/tmp", "{directory}/with blank", "{directory}/c:d", "/dev/null", "{directory}/a//b/"))
		v.ContainerPath = oneOf(t, "any container path", absolute, absolute, absolute, "relative", "re/lative:x")
	case 3:
		v.HostPath = pointer(oneOf(t, "relative host path", "rel", "rel/deep/", "re:l", "{volume}r", "ü", "../up", "a b"))
		if seldom(t, 10, "both relative") {
			v.ContainerPath = "relative"
		}
	case 4, 5:
		source := &mesos.Volume_Source_DockerVolume{Name: oneOf(t, "volume name", "{volume}a", "{volume}b", "{volume}b", "{volume}c", "v!", "x"),
			Driver: optional(t, "driver", rapid.Just("local"))}
		if seldom(t, 4, "driver_options") {
			source.Name = "{volume}o"
			source.DriverOptions = &mesos.Parameters{Parameter: []mesos.Parameter{{Key: "o", Value: "size=1m,uid=1000"}, {Key: "type", Value: "tmpfs"}, {Key: "device", Value: "tmpfs"}}}
		}
		v.Source = &mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME, DockerVolume: source}
	case 6:
		v.Source = &mesos.Volume_Source{Type: mesos.Volume_Source_HOST_PATH, HostPath: &mesos.Volume_Source_HostPath{
			Path:             oneOf(t, "source path", "{directory}/h", "/tmp", "{directory}/c:d"),
			MountPropagation: optional(t, "propagation", rapid.Custom(drawPropagation))}}
	case 7:
		v.Source = &mesos.Volume_Source{Type: mesos.Volume_Source_SANDBOX_PATH, SandboxPath: &mesos.Volume_Source_SandboxPath{
			Type: mesos.Volume_Source_SandboxPath_SELF, Path: oneOf(t, "sandbox path", "rel", "re:l", "x/y")}}
	case 8:
		v.Source = &mesos.Volume_Source{Type: mesos.Volume_Source_SECRET,
			Secret: &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte("hush")}}}
	}
	return v
}

func drawPropagation(t *rapid.T) mesos.MountPropagation {
	return mesos.MountPropagation{Mode: oneOf(t, "mode of propagation", mesos.MountPropagation_UNKNOWN,
		mesos.MountPropagation_HOST_TO_CONTAINER, mesos.MountPropagation_BIDIRECTIONAL).Enum()}
}

// drawPorts maps ports where that is possible, and elsewhere seldom.
func drawPorts(t *rapid.T, a *assignment) {
	a.Info.Resources = append(a.Info.Resources, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(),
		Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 31000, End: 31003}, {Begin: 31005, End: 31005}}}})
	docker := a.Info.Container.Docker
	mode := docker.GetNetwork()
	if mode != mesos.ContainerInfo_DockerInfo_BRIDGE && mode != mesos.ContainerInfo_DockerInfo_USER && !seldom(t, 12, "ports without a network for them") {
		return
	}
	hosts := []uint32{31000, 31001, 31002, 31003, 31005}
	if seldom(t, 10, "port not offered") {
		hosts = append(hosts, 31004, 0)
	}
	for range oneOf(t, "ports", 0, 1, 1, 2, 3) {
		docker.PortMappings = append(docker.PortMappings, mesos.ContainerInfo_DockerInfo_PortMapping{
			HostPort:      rapid.SampledFrom(hosts).Draw(t, "host_port"),
			ContainerPort: oneOf[uint32](t, "container_port", 1, 80, 8080, 65535),
			Protocol:      optional(t, "protocol", rapid.SampledFrom([]string{"tcp", "udp", "UDP", "sctp", "Tcp"})),
		})
	}
	switch {
	case seldom(t, 30, "no resources"):
		a.Info.Resources = nil
	case seldom(t, 30, "no port resource"):
		a.Info.Resources[0].Name = "sockets"
	}
}

func drawCommand(t *rapid.T, a *assignment) {
	command := &mesos.CommandInfo{Shell: optional(t, "shell", rapid.Bool()), User: optional(t, "user", rapid.SampledFrom([]string{"app", "", "1000:1000"}))}
	if !seldom(t, 5, "no value") {
		command.Value = pointer(oddText().Draw(t, "value"))
	}
	command.Arguments = rapid.SliceOfN(oddText(), 0, 3).Draw(t, "arguments")
	command.Environment = &mesos.Environment{}
	for range rapid.IntRange(0, 4).Draw(t, "variables") {
		command.Environment.Variables = append(command.Environment.Variables, mesos.Environment_Variable{
			Name: variableNames().Draw(t, "name"), Type: mesos.Environment_Variable_VALUE.Enum(), Value: pointer(oddText().Draw(t, "variable's value"))})
	}
	if seldom(t, 12, "secret variable") {
		command.Environment.Variables = append(command.Environment.Variables, secretVariable("SECRET"))
	}
	a.Info.Command = command
	a.Environment = rapid.MapOfN(variableNames(), oddText(), 0, 2).Draw(t, "task_environment")
	if seldom(t, 6, "custom executor") {
		handOver(a)
		a.Info.Executor.Resources = []mesos.Resource{{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 0.1}}}
	}
}

func secretVariable(name string) mesos.Environment_Variable {
	return mesos.Environment_Variable{Name: name, Type: mesos.Environment_Variable_SECRET.Enum(),
		Secret: &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte("hush")}}}
}

// drawResources draws resources of several roles, and limits.
func drawResources(t *rapid.T, a *assignment) {
	add := func(name string, value float64) {
		r := mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
		if role := optional(t, "role", rapid.SampledFrom([]string{"web", "*", "a/b"})); role != nil {
			r.AllocationInfo = &mesos.Resource_AllocationInfo{Role: role}
		}
		a.Info.Resources = slices.Insert(a.Info.Resources, rapid.IntRange(0, len(a.Info.Resources)).Draw(t, "place"), r)
	}
	for range oneOf(t, "cpus", 1, 1, 0, 2) {
		add("cpus", amounts().Draw(t, "cpus"))
	}
	for range oneOf(t, "mem", 1, 1, 0, 2) {
		add("mem", 64*amounts().Draw(t, "mem in 64 MB"))
	}
	if seldom(t, 3, "disk") {
		add("disk", 100)
	}
	if seldom(t, 12, "gpus") {
		add("gpus", oneOf[float64](t, "gpus", 1, 2, 1.5))
	}
	limits := map[string]mesos.Value_Scalar{}
	if limit := optional(t, "cpu limit", rapid.OneOf(amounts(), rapid.Just(math.Inf(1)))); limit != nil {
		limits["cpus"] = mesos.Value_Scalar{Value: *limit}
	}
	if limit := optional(t, "mem limit", rapid.OneOf(amounts(), rapid.SampledFrom([]float64{2, 4, 8, math.Inf(1), math.Inf(1)}))); limit != nil {
		limits["mem"] = mesos.Value_Scalar{Value: *limit * 128}
	}
	a.Info.Limits = maps.Clone(limits)
}

func drawDNS(t *rapid.T) *agentflag.ContainerDNS {
	all := []agentflag.NetworkDNS{
		{NetworkMode: "BRIDGE", DNS: agentflag.DNS{Nameservers: []string{"8.8.8.8", "::1"}, Search: []string{"a.example", "."}, Options: []string{"ndots:2"}}},
		{NetworkMode: "USER", NetworkName: "{net}", DNS: agentflag.DNS{Nameservers: []string{"1.1.1.1"}}},
		{NetworkMode: "USER", DNS: agentflag.DNS{Search: []string{"user.example."}}},
		{NetworkMode: "USER", NetworkName: "nosuch", DNS: agentflag.DNS{Options: []string{"rotate"}}},
	}
	return &agentflag.ContainerDNS{Docker: rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 4, func(e agentflag.NetworkDNS) string {
		return e.NetworkMode + e.NetworkName
	}).Draw(t, "dns")}
}

// parsedDNS is the flag as the daemon reads it.
func parsedDNS(dns *agentflag.ContainerDNS) *agentflag.ContainerDNS {
	if dns == nil {
		return nil
	}
	text, err := json.Marshal(dns)
	if err != nil {
		panic(err)
	}
	parsed, err := agentflag.ParseDNS(text)
	if err != nil {
		panic(err)
	}
	return parsed
}
