package differential

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/versions"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// difference is one place where we mean to do something else than stock with the docker command.
type difference struct {
	name   string
	reason string

	// field is that of our refusal, or several, with [] for any index, or the field of inspect or TaskInfo that is concerned.
	field string

	// example makes a plain task one that shows the difference.
	example func(*assignment)

	// refusal begins our text, where we refuse and the docker command does not, or in other words. With docker, those other
	// words begin with it. With docker alone, we need not refuse at all. In both, * stands for any text.
	refusal string
	docker  string

	// where is nil for what differs everywhere. Elsewhere than it says, the example need not show a difference.
	where func(b *bench) bool

	// restate says in stock's terms what we do: it changes what stock is given, and says whether it did.
	restate func(*assignment) bool

	// alone is true of refusals for one of several parameters: both sides must agree about a task with that one alone.
	alone bool

	// adjust changes the docker command's container into what is expected of us, and says whether it did.
	adjust func(a assignment, theirs inspected) bool
}

const (
	parametersField = "container.docker.parameters[]"
	volumeField     = "container.volumes[]"
	volumeNames     = volumeField + ".host_path, " + volumeField + ".source.docker_volume.name"
)

// differences is the whole list of intended differences. What is not here is a defect of one side.
var differences = slices.Concat(additions, adaptations, refusals, refusedOptions(), releases, severalMistakes)

// additions are what stock ignores and we honour, in terms of docker run.
var additions = []difference{
	{
		name: "custom executor", field: "data, executor",
		reason:  "a task of a custom executor cannot have a command: TaskInfo.data carries it",
		example: handOver, restate: takeOver,
	},
	{
		name: "log driver", field: "HostConfig.LogConfig",
		reason:  "the daemon reads a container's output from the Engine, which must neither lose it nor fill the disk",
		example: func(*assignment) {},
		restate: func(a *assignment) bool {
			docker := a.Info.Container.Docker
			docker.Parameters = slices.DeleteFunc(docker.Parameters, func(p mesos.Parameter) bool {
				return p.Key == "log-driver" && p.Value == "" // as if it were not there
			})
			if slices.ContainsFunc(docker.Parameters, func(p mesos.Parameter) bool { return p.Key == "log-driver" || p.Key == "log-opt" }) {
				return false
			}
			a.extra = append(a.extra, "--log-driver=local", "--log-opt=max-size=1m")
			return true
		},
	},
	{
		name: "opt-in user", field: "Config.User", reason: "CommandInfo.user is honoured where the operator says so",
		example: func(a *assignment) { a.honorUser, a.Info.Command.User = true, pointer("app") },
		restate: func(a *assignment) bool {
			if !a.honorUser || a.Info.Command.GetUser() == "" {
				return false
			}
			a.extra = append(a.extra, "--user="+a.Info.Command.GetUser())
			return true
		},
	},
	{
		name: "terminal", field: "Config.Tty", reason: "ContainerInfo.tty_info is honoured",
		example: func(a *assignment) { a.Info.Container.TTYInfo = &mesos.TTYInfo{} },
		restate: func(a *assignment) bool {
			if a.Info.Container.TTYInfo == nil {
				return false
			}
			a.extra = append(a.extra, "--tty")
			return true
		},
	},
	{
		name: "rlimits", field: "HostConfig.Ulimits", reason: "ContainerInfo.rlimit_info is honoured",
		example: func(a *assignment) {
			a.Info.Container.RlimitInfo = &mesos.RLimitInfo{Rlimits: []mesos.RLimitInfo_RLimit{{Type: mesos.RLimitInfo_RLimit_RLMT_CORE}}}
		},
		restate: func(a *assignment) bool {
			for _, limit := range a.Info.Container.GetRlimitInfo().GetRlimits() {
				values := "-1:-1"
				if limit.Hard != nil {
					values = fmt.Sprintf("%d:%d", *limit.Soft, *limit.Hard)
				}
				name := strings.ToLower(strings.TrimPrefix(limit.Type.String(), "RLMT_"))
				a.extra = append(a.extra, "--ulimit="+name+"="+values)
			}
			return a.Info.Container.RlimitInfo != nil
		},
	},
	{
		name: "capabilities", field: "HostConfig.CapAdd, HostConfig.CapDrop", reason: "ContainerInfo.linux_info is honoured",
		example: func(a *assignment) {
			a.Info.Container.LinuxInfo = &mesos.LinuxInfo{EffectiveCapabilities: &mesos.CapabilityInfo{
				Capabilities: []mesos.CapabilityInfo_Capability{mesos.CapabilityInfo_NET_RAW}}}
		},
		restate: func(a *assignment) bool {
			effective := a.Info.Container.GetLinuxInfo().GetEffectiveCapabilities()
			if effective == nil {
				return false
			}
			a.extra = append(a.extra, "--cap-drop=ALL")
			for _, c := range effective.Capabilities {
				a.extra = append(a.extra, "--cap-add="+c.String())
			}
			return true
		},
	},
	{
		name: "gpus", field: "HostConfig.DeviceRequests", reason: "the gpus resource becomes a request for GPUs",
		example: func(a *assignment) { addScalar(a, "gpus", 2) },
		restate: func(a *assignment) bool {
			number, found := amount(allResources(a.Info), "gpus")
			if found {
				a.extra = append(a.extra, fmt.Sprintf("--gpus=%v", number))
			}
			return found
		},
	},
	{
		name: "secret variable", field: "Config.Env", reason: "a secret of type VALUE is honoured",
		example: func(a *assignment) {
			a.Info.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{secretVariable("A")}}
		},
		restate: func(a *assignment) (applied bool) {
			variables := a.Info.Command.GetEnvironment().GetVariables()
			for i := range variables {
				if v := &variables[i]; v.GetType() == mesos.Environment_Variable_SECRET && v.Secret.GetValue() != nil {
					v.Value, applied = pointer(string(v.Secret.Value.Data)), true
				}
			}
			return applied
		},
	},
	{
		name: "volume sources", field: "HostConfig.Binds", reason: "sources of the types HOST_PATH and SANDBOX_PATH are honoured, with mount_propagation",
		example: func(a *assignment) {
			addVolume(a, mesos.Volume{ContainerPath: "/x", Mode: mesos.RO.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_HOST_PATH,
				HostPath: &mesos.Volume_Source_HostPath{Path: "/tmp", MountPropagation: &mesos.MountPropagation{Mode: mesos.MountPropagation_BIDIRECTIONAL.Enum()}}}})
		},
		restate: restateSources,
	},
	{
		name: "driver options", field: "HostConfig.Mounts", reason: "driver_options of a volume are honoured, which only a mount can express",
		example: func(a *assignment) {
			addVolume(a, mesos.Volume{ContainerPath: "/x", Mode: mesos.RW.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME,
				DockerVolume: &mesos.Volume_Source_DockerVolume{Name: "{volume}o", Driver: pointer("local"),
					DriverOptions: &mesos.Parameters{Parameter: []mesos.Parameter{{Key: "type", Value: "tmpfs"}, {Key: "device", Value: "tmpfs"}, {Key: "o", Value: "size=1m"}}}}}})
		},
		restate: restateDriverOptions,
	},
	{
		name: "colon in a path", field: "HostConfig.Mounts", reason: "docker's notation of a bind cannot hold a colon, a mount can",
		example: func(a *assignment) { a.SandboxDirectory = "{directory}/with:colon" },
		restate: restateColons,
	},
}

// adaptations are what the docker command sets and we do not.
var adaptations = []difference{
	{
		name: "standard input", field: "Config.OpenStdin, Config.AttachStdin, Config.StdinOnce",
		reason:  "a task has no input: with an open one that nobody closes, it would wait for ever",
		example: withParameter("interactive", "true"),
		adjust: func(_ assignment, theirs inspected) bool {
			applied := theirs.set(false, "Config", "OpenStdin")
			theirs.set(false, "Config", "AttachStdin")
			theirs.set(false, "Config", "StdinOnce")
			return applied
		},
	},
	{
		name: "removal", field: "HostConfig.AutoRemove",
		reason:  "the daemon removes every container, once it has read and reported how it ended",
		example: withParameter("rm", "true"),
		adjust:  func(_ assignment, theirs inspected) bool { return theirs.set(false, "HostConfig", "AutoRemove") },
	},
	{
		name: "missing source of a mount", field: "HostConfig.Mounts.BindOptions.CreateMountpoint",
		reason:  "a mount in place of a bind creates a missing directory as a bind does",
		example: func(a *assignment) { a.SandboxDirectory = "{directory}/with:colon" },
		adjust: func(a assignment, theirs inspected) (applied bool) {
			options := map[string]any{}
			if versions.GreaterThanOrEqualTo(a.api, "1.42") {
				options["CreateMountpoint"] = true
			}
			for _, target := range colonTargets(&a) {
				applied = theirs.setOfMount(target, options) || applied
			}
			return applied
		},
	},
	{
		name: "size of the terminal", field: "HostConfig.ConsoleSize", reason: "tty_info.window_size is honoured; docker takes the size of its own terminal",
		example: func(a *assignment) {
			a.Info.Container.TTYInfo = &mesos.TTYInfo{WindowSize: &mesos.TTYInfo_WindowSize{Rows: 25, Columns: 80}}
		},
		adjust: func(a assignment, theirs inspected) bool {
			size := a.Info.Container.GetTTYInfo().GetWindowSize()
			platform := slices.ContainsFunc(a.Info.Container.Docker.Parameters, func(p mesos.Parameter) bool { return p.Key == "platform" })
			if size == nil || theirs.at("Config", "Tty") != true || platform && versions.LessThan(a.api, "1.42") {
				return false
			}
			return theirs.set([]any{float64(size.Rows), float64(size.Columns)}, "HostConfig", "ConsoleSize")
		},
	},
	{
		name: "capability names", field: "HostConfig.CapAdd, HostConfig.CapDrop", where: oldCommand,
		reason:  "newer docker commands write the names in one form, older ones as they are given",
		example: withParameter("cap-add", "net_raw"),
		adjust: func(_ assignment, theirs inspected) (applied bool) {
			for _, field := range []string{"CapAdd", "CapDrop"} {
				if list, ok := theirs.at("HostConfig", field).([]any); ok {
					applied = theirs.set(capabilityNames(list), "HostConfig", field) || applied
				}
			}
			return applied
		},
	},
	{
		name: "mounts below a read-only one", field: "HostConfig.Mounts.BindOptions.ReadOnlyNonRecursive", where: olderThanRecursion,
		reason:  "newer docker commands and we make them read-only, too, where the Engine can; it spares older commands that",
		example: withParameter("mount", "type=bind,src={directory},dst=/ro,readonly,bind-propagation=rslave"),
		adjust: func(a assignment, theirs inspected) (applied bool) {
			asked := func(p mesos.Parameter) bool { return strings.Contains(p.Value, "bind-recursive") }
			if slices.ContainsFunc(a.Info.Container.Docker.Parameters, asked) {
				return false
			}
			mounts, _ := theirs.at("HostConfig", "Mounts").([]any)
			for _, m := range mounts {
				mount, _ := m.(map[string]any)
				if options, _ := mount["BindOptions"].(map[string]any); options["ReadOnlyNonRecursive"] == true {
					delete(options, "ReadOnlyNonRecursive")
					mount["BindOptions"] = noEmpties(options)
					applied = true
				}
			}
			return applied
		},
	},
}

// colonTargets are the paths in the container where something is mounted that a bind cannot express.
func colonTargets(a *assignment) (targets []string) {
	if strings.Contains(a.SandboxDirectory+a.MappedDirectory, ":") {
		targets = append(targets, a.MappedDirectory)
	}
	restateSources(a)
	for _, v := range a.Info.Container.Volumes {
		host := v.GetHostPath() + v.Source.GetHostPath().GetPath()
		if host != "" && !path.IsAbs(host) {
			host = a.SandboxDirectory + "/" + host
		}
		if strings.Contains(host+target(a, v), ":") {
			targets = append(targets, target(a, v))
		}
	}
	return targets
}

// capabilityNames writes names as CAP_X, or ALL, each once and sorted.
func capabilityNames(list []any) []any {
	var names []string
	for _, name := range list {
		upper := strings.ToUpper(fmt.Sprint(name))
		if upper != "ALL" {
			upper = "CAP_" + strings.TrimPrefix(upper, "CAP_")
		}
		names = append(names, upper)
	}
	slices.Sort(names)
	normal := []any{}
	for _, name := range slices.Compact(names) {
		normal = append(normal, name)
	}
	return normal
}

// handOver makes a command task one of a custom executor with the same command.
func handOver(a *assignment) {
	command, err := json.Marshal(a.Info.Command)
	if err != nil {
		panic(fmt.Sprintf("writing a generated CommandInfo: %v", err))
	}
	a.Info.Data = fmt.Appendf(nil, `{"command": %s}`, command)
	a.Info.Command = nil
	a.Info.Executor = &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_CUSTOM, ExecutorID: mesos.ExecutorID{Value: "e"}}
}

// takeOver reverses handOver.
func takeOver(a *assignment) bool {
	if a.Info.Executor == nil {
		return false
	}
	var data struct{ Command *mesos.CommandInfo }
	if err := json.Unmarshal(a.Info.Data, &data); err != nil {
		panic(fmt.Sprintf("reading a generated CommandInfo: %v", err))
	}
	a.Info.Command = data.Command
	return true
}

// target is where a volume stands in the container.
func target(a *assignment, v mesos.Volume) string {
	if path.IsAbs(v.ContainerPath) {
		return v.ContainerPath
	}
	return a.MappedDirectory + "/" + v.ContainerPath
}

func restateSources(a *assignment) (applied bool) {
	for i := range a.Info.Container.Volumes {
		v := &a.Info.Container.Volumes[i]
		switch v.Source.GetType() {
		case mesos.Volume_Source_HOST_PATH:
			mode := strings.ToLower(v.GetMode().String())
			switch v.Source.HostPath.GetMountPropagation().GetMode() {
			case mesos.MountPropagation_HOST_TO_CONTAINER:
				mode += ",rslave"
			case mesos.MountPropagation_BIDIRECTIONAL:
				mode += ",rshared"
			}
			if applied = true; strings.Contains(v.Source.HostPath.Path+v.ContainerPath, ":") {
				_, propagation, _ := strings.Cut(mode, ",")
				mountInstead(a, v.Source.HostPath.Path, *v, propagation)
				continue
			}
			a.extra = append(a.extra, "--volume="+v.Source.HostPath.Path+":"+target(a, *v)+":"+mode)
		case mesos.Volume_Source_SANDBOX_PATH:
			applied = true
			v.HostPath, v.ContainerPath = pointer(a.SandboxDirectory+"/"+v.Source.SandboxPath.Path), target(a, *v)
		}
	}
	return applied
}

func restateDriverOptions(a *assignment) (applied bool) {
	for i, v := range a.Info.Container.Volumes {
		volume := v.Source.GetDockerVolume()
		options := volume.GetDriverOptions().GetParameter()
		if v.HostPath != nil || len(options) == 0 {
			continue
		}
		applied, a.mounted[i] = true, true
		fields := []string{"type=volume", "source=" + volume.Name, "target=" + target(a, v)}
		fields = append(fields, driverField(a)...)
		for _, option := range options {
			fields = append(fields, "volume-opt="+option.Key+"="+option.Value)
		}
		addMount(a, fields, v)
	}
	return applied
}

// driverField is the task's volume driver as a field of a mount.
func driverField(a *assignment) []string {
	driver := a.Info.Container.Docker.GetVolumeDriver()
	for _, v := range a.Info.Container.Volumes {
		if v.HostPath == nil && v.Source.GetDockerVolume().GetDriver() != "" {
			driver = v.Source.DockerVolume.GetDriver()
		}
	}
	if driver == "" {
		return nil
	}
	return []string{"volume-driver=" + driver}
}

func restateColons(a *assignment) (applied bool) {
	info := a.Info.Container
	for i, v := range info.Volumes {
		host, named := v.GetHostPath(), false
		switch {
		case a.mounted[i]:
			continue
		case v.HostPath == nil:
			host, named = v.Source.GetDockerVolume().GetName(), true
		case path.IsAbs(host):
		case info.Docker.VolumeDriver != nil:
			named = true
		default:
			host = a.SandboxDirectory + "/" + host
		}
		if host == "" || !strings.Contains(host+target(a, v), ":") {
			continue
		}
		applied, a.mounted[i] = true, true
		if named {
			addMount(a, append([]string{"type=volume", "source=" + host, "target=" + target(a, v)}, driverField(a)...), v)
		} else {
			mountInstead(a, host, v, "")
		}
	}
	if strings.Contains(a.SandboxDirectory+a.MappedDirectory, ":") {
		mountInstead(a, a.SandboxDirectory, mesos.Volume{ContainerPath: a.MappedDirectory}, "")
		a.sandboxMounted, applied = true, true
	}
	return applied
}

// mountInstead mounts a host path.
func mountInstead(a *assignment, host string, v mesos.Volume, propagation string) {
	fields := []string{"type=bind", "source=" + host, "target=" + target(a, v)}
	if propagation != "" {
		fields = append(fields, "bind-propagation="+propagation)
	}
	addMount(a, fields, v)
}

// addMount adds --mount with the fields and the volume's mode.
func addMount(a *assignment, fields []string, v mesos.Volume) {
	if v.GetMode() == mesos.RO {
		fields = append(fields, "readonly")
	}
	var line strings.Builder
	writer := csv.NewWriter(&line)
	if err := writer.Write(fields); err != nil {
		panic(fmt.Sprintf("writing a mount: %v", err))
	}
	writer.Flush()
	a.extra = append(a.extra, "--mount="+strings.TrimSuffix(line.String(), "\n"))
}

func withParameter(key, value string) func(*assignment) {
	return func(a *assignment) {
		docker := a.Info.Container.Docker
		docker.Parameters = append(docker.Parameters, mesos.Parameter{Key: key, Value: value})
	}
}

func addVolume(a *assignment, v mesos.Volume) {
	a.Info.Container.Volumes = append(a.Info.Container.Volumes, v)
}

func addScalar(a *assignment, name string, value float64) {
	a.Info.Resources = append(a.Info.Resources, mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}})
}
