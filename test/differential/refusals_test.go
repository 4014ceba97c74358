package differential

import (
	"slices"
	"strings"
	"unicode"

	"github.com/docker/docker/api/types/versions"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// refusedOptions are the docker parameters that would act on the host, or on what is the daemon's own.
func refusedOptions() []difference {
	const foreground = "a task runs in the foreground, and its output goes to the sandbox"
	rows := []struct{ option, value, reason string }{
		{"attach", "stdout", foreground},
		{"cidfile", "/nowhere/cid", "it would write a file on the host as root"},
		{"detach", "true", foreground},
		{"detach-keys", "ctrl-x", foreground},
		{"disable-content-trust", "false", "images are pulled by the daemon"},
		{"env", "BARE", "it would copy a variable of the daemon"},
		{"env-file", "/nowhere/env", "it would read a file of the host as root"},
		{"help", "true", "it starts nothing"},
		{"label", "mesos-docker-containerizer.task=x", "the labels are the containerizer's own"},
		{"label-file", "/nowhere/labels", "it would read a file of the host as root"},
		{"name", "x", "the agent names the container"},
		{"pull", "always", "images are pulled by the daemon"},
		{"quiet", "true", "images are pulled by the daemon"},
		{"restart", "always", "the Engine would start an ended task again"},
		{"security-opt", "seccomp=/nowhere/profile", "it would read a file of the host as root"},
		{"sig-proxy", "true", "there is no process whose signals could be passed on"},
		{"use-api-socket", "true", "it would hand the Engine to the task"},
		{"cpu-count", "1", "Windows only"},
		{"cpu-percent", "1", "Windows only"},
		{"io-maxbandwidth", "1", "Windows only"},
		{"io-maxiops", "1", "Windows only"},
	}
	var list []difference
	for _, r := range rows {
		list = append(list, difference{
			name: "parameter " + r.option, field: parametersField, reason: r.reason,
			refusal: "docker parameter " + r.option + " is refused: ",
			example: withParameter(r.option, r.value),
		})
	}
	return list
}

// refusals are mistakes that the docker command, which sees only arguments, does not see, or calls something else.
var refusals = []difference{
	{
		name: "key that was meant", field: parametersField, reason: "who wrote the task is told which key would do",
		refusal: "unknown flag: --*; the key would be ", docker: "unknown flag: --",
		example: withParameter("e", "A=b"),
	},
	{
		name: "part of a GPU", field: "resources.gpus", reason: "there is no such thing",
		refusal: "The 'gpus' resource must be an unsigned integer",
		example: func(a *assignment) { addScalar(a, "gpus", 1.5) },
	},
	{
		name: "limit below request", field: "limits.mem", reason: "the Engine names its own fields, which the task does not have",
		refusal: "the limit of ",
		example: func(a *assignment) {
			addScalar(a, "mem", 128)
			a.Info.Limits = map[string]mesos.Value_Scalar{"mem": {Value: 64}}
		},
	},
	{
		name: "negative amount", field: "resources.cpus", reason: "masters let no such thing through, and an executor can be handed it all the same",
		refusal: "-1 is not an amount of cpus",
		example: func(a *assignment) { addScalar(a, "cpus", -1) },
	},
	{
		name: "impossible limit", field: "limits.mem", reason: "masters let no such thing through, and an executor can be handed it all the same",
		refusal: "-1 is not an amount of mem",
		example: func(a *assignment) { a.Info.Limits = map[string]mesos.Value_Scalar{"mem": {Value: -1}} },
	},
	{
		name: "image name", field: "container.docker.image", reason: "docker does not always say which name is wrong, and takes one with a leading dash for an option",
		refusal: "invalid reference format",
		example: func(a *assignment) { a.Info.Container.Docker.Image = "UPPER" },
	},
	{
		name: "variable without a name", field: "command.environment.variables[].name", reason: "docker's complaint shows the value, which may be secret",
		refusal: "a variable has no name", docker: "invalid argument ",
		example: func(a *assignment) {
			a.Info.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Value: pointer("x")}}}
		},
	},
	{
		name: "secret reference", field: "command.environment.A", reason: "it cannot be resolved outside the agent, and stock sets an empty value",
		refusal: "a secret of type REFERENCE cannot be resolved",
		example: func(a *assignment) {
			secret := secretVariable("A")
			secret.Secret = &mesos.Secret{Type: mesos.Secret_REFERENCE, Reference: &mesos.Secret_Reference{Name: "r"}}
			a.Info.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{secret}}
		},
	},
	{
		name: "not UTF-8", field: "command.value", reason: "docker silently puts another character in its place",
		refusal: "it is not valid UTF-8",
		example: func(a *assignment) { a.Info.Command.Value = pointer("echo \xff") },
	},
	{
		name: "host port 0", field: "container.docker.port_mappings[].host_port", reason: "docker would take any port, which the framework does not know",
		refusal: "host port 0 is not a port",
		example: withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 0, ContainerPort: 80}),
	},
	{
		name: "host port too high", field: "container.docker.port_mappings[].host_port", reason: "the text names the field",
		refusal: "host port 70000 is not a port", docker: "Invalid hostPort: 70000",
		example: withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 70000, ContainerPort: 80}),
	},
	{
		name: "container port", field: "container.docker.port_mappings[].container_port", reason: "the text names the field",
		refusal: "container port 70000 is not a port", docker: "Invalid containerPort: 70000",
		example: withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 31000, ContainerPort: 70000}),
	},
	{
		name: "protocol", field: "container.docker.port_mappings[].protocol", reason: "the text says which ones there are",
		refusal: `invalid proto: "icmp"`, docker: "Invalid proto: icmp",
		example: withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 31000, ContainerPort: 80, Protocol: pointer("icmp")}),
	},
	{
		name: "path out of the sandbox", field: volumeField + ".host_path", reason: "a relative path is one of the sandbox",
		refusal: `"../up" leaves the sandbox`,
		example: func(a *assignment) {
			addVolume(a, mesos.Volume{HostPath: pointer("../up"), ContainerPath: "/x", Mode: mesos.RW.Enum()})
		},
	},
	{
		name: "parameter out of the sandbox", field: parametersField, reason: "a relative path is one of the sandbox",
		refusal: `".`,
		example: withParameter("volume", "../up:/y"),
	},
	{
		name: "volume name with a colon", field: volumeNames, reason: "stock's argument would mean another volume or path",
		refusal: "the name of a volume cannot hold a colon",
		example: func(a *assignment) {
			a.Info.Container.Docker.VolumeDriver = pointer("local")
			addVolume(a, mesos.Volume{HostPath: pointer("a:b"), ContainerPath: "/x", Mode: mesos.RW.Enum()})
		},
	},
	{
		name: "volume name like a path", field: volumeNames, reason: "newer docker commands take it for a path of the host, where older ones refuse it",
		refusal: "the name of a volume cannot begin with a dot",
		example: func(a *assignment) {
			a.Info.Container.Docker.VolumeDriver = pointer("local")
			addVolume(a, mesos.Volume{HostPath: pointer("../up"), ContainerPath: "/x", Mode: mesos.RW.Enum()})
		},
	},
	{
		name: "volume type of Mesos alone", field: volumeField + ".source.type", reason: "stock runs the task without its volume",
		refusal: "volume source type UNKNOWN cannot be mounted",
		example: func(a *assignment) {
			addVolume(a, mesos.Volume{ContainerPath: "/x", Mode: mesos.RW.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_UNKNOWN}})
		},
	},
	{
		name: "sandbox of a parent", field: volumeField + ".source.sandbox_path.type", reason: "stock runs the task without its volume",
		refusal: "PARENT is for nested containers",
		example: func(a *assignment) {
			addVolume(a, mesos.Volume{ContainerPath: "/x", Mode: mesos.RW.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_SANDBOX_PATH,
				SandboxPath: &mesos.Volume_Source_SandboxPath{Type: mesos.Volume_Source_SandboxPath_PARENT, Path: "p"}}})
		},
	},
	{
		name: "secret in the sandbox", field: volumeField + ".source", reason: "the agent would show it to all readers of the sandbox",
		refusal: `container_path "s" of a secret is relative`,
		example: func(a *assignment) {
			addVolume(a, secretVolume("s"))
		},
	},
	{
		name: "secret in a volume", field: "container.volumes", reason: "the secret would be written to the volume and stay there",
		refusal: `a secret cannot be mounted at "*": that lies in what is mounted`,
		example: func(a *assignment) {
			addVolume(a, mesos.Volume{HostPath: pointer("/tmp"), ContainerPath: "/x", Mode: mesos.RW.Enum()})
			addVolume(a, secretVolume("/x/s"))
		},
	},
	{
		name: "secret in a read-only container", field: "container.volumes", reason: "a secret is written into the container's own file system",
		refusal: `a secret cannot be mounted at "*": the container's file system is read-only`,
		example: func(a *assignment) {
			withParameter("read-only", "true")(a)
			addVolume(a, secretVolume("/s"))
		},
	},
	{
		name: "rlimit that docker lacks", field: "container.rlimit_info.rlimits[].type", reason: "stock runs the task without its limit",
		refusal: "RLMT_AS cannot be set",
		example: func(a *assignment) {
			a.Info.Container.RlimitInfo = &mesos.RLimitInfo{Rlimits: []mesos.RLimitInfo_RLimit{{Type: mesos.RLimitInfo_RLimit_RLMT_AS}}}
		},
	},
	{
		name: "capability beyond the bounding set", field: "container.linux_info.effective_capabilities", reason: "stock runs the task with other capabilities",
		refusal: "capability KILL is not among the bounding capabilities",
		example: func(a *assignment) {
			a.Info.Container.LinuxInfo = &mesos.LinuxInfo{BoundingCapabilities: &mesos.CapabilityInfo{}, EffectiveCapabilities: &mesos.CapabilityInfo{
				Capabilities: []mesos.CapabilityInfo_Capability{mesos.CapabilityInfo_KILL}}}
		},
	},
}

func secretVolume(target string) mesos.Volume {
	return mesos.Volume{ContainerPath: target, Mode: mesos.RO.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_SECRET,
		Secret: &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte("hush")}}}}
}

// withPort maps a port of a task that may use every port number there is, and more.
func withPort(m mesos.ContainerInfo_DockerInfo_PortMapping) func(*assignment) {
	return func(a *assignment) {
		a.Info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
		a.Info.Container.Docker.PortMappings = []mesos.ContainerInfo_DockerInfo_PortMapping{m}
		a.Info.Resources = append(a.Info.Resources, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(),
			Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 0, End: 99999}}}})
	}
}

// severalMistakes is about tasks that docker and we find different faults with.
var severalMistakes = []difference{{
	name: "order of complaints", field: parametersField, alone: true,
	reason: "the docker command reports the first mistake that its parser meets, we the first parameter that cannot be, as the later ones need not be read",
	example: func(a *assignment) {
		withParameter("add-host", "nocolon")(a)
		withParameter("lxc-conf", "x")(a)
	},
}}

// oldCommand is true of Debian 12's docker command. Which later release was the first to do as the parser that we use does is
// not the same for all rows.
func oldCommand(b *bench) bool { return b.release < 23 }

// olderThanRecursion is true of a docker command from before read-only mounts were recursive, with an Engine that makes them so.
func olderThanRecursion(b *bench) bool {
	return b.release < 25 && versions.GreaterThanOrEqualTo(b.engine.ClientVersion(), "1.44")
}

// newerThanEngine is true of a docker command that knows an address per network, with an Engine that does not.
func newerThanEngine(b *bench) bool {
	return b.release >= 28 && versions.LessThan(b.engine.ClientVersion(), "1.44")
}

// releases is what docker commands of other releases do otherwise than the parser that we use.
var releases = []difference{
	reworded("dns", "x", `invalid argument * for "--dns" flag: IP address is not `, `invalid argument * for "--dns" flag: * is not an ip address`),
	reworded("expose", "x", "invalid range format for --expose: ", "invalid range format for --expose: "),
	reworded("gpus", "x", `invalid argument * for "--gpus" flag: invalid count`, `invalid argument * for "--gpus" flag: count must be`),
	reworded("publish", "1:2:3:4", "invalid IP address: ", "invalid ip address "),
	reworded("sysctl", "bare", `invalid argument * for "--sysctl" flag: * is not allowed`, `invalid argument * for "--sysctl" flag: * is not whitelisted`),
	{
		name: "empty volume", field: parametersField, where: oldCommand, reason: "newer docker commands refuse it, older ones pass it over",
		refusal: "invalid empty volume spec", example: withParameter("volume", ""),
	},
	{
		name: "empty part of a volume", field: parametersField, where: oldCommand, reason: "newer docker commands refuse it, older ones leave that to the Engine",
		refusal: "invalid spec: ", docker: "Error response from daemon: invalid volume spec", example: withParameter("volume", "/a::ro"),
	},
	{
		name: "relative volume", field: "HostConfig.Binds", where: oldCommand, reason: "newer docker commands know relative paths",
		docker: "Error response from daemon: create ./", example: withParameter("volume", "./rel:/rel"),
	},
	{
		name: "relative mount", field: "HostConfig.Mounts", where: oldCommand, reason: "newer docker commands know relative paths",
		docker: `Error response from daemon: invalid mount config for type "bind": invalid mount path: '.`, example: withParameter("mount", "type=bind,src=./,dst=/x"),
	},
	{
		name: "MAC address", field: "Config.MacAddress", where: newerThanEngine,
		reason: "newer docker commands cannot give one to a container of an older Engine, though it would take it; Debian 12's can, and so do we",
		docker: `"specify mac-address per network" requires API version 1.44`,
		example: func(a *assignment) {
			a.Info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
			withParameter("mac-address", "02:42:ac:11:00:99")(a)
		},
	},
	{
		name: "link", field: "HostConfig.Links", where: oldCommand, reason: "newer docker commands link on the bridge network even if it is named, as stock does",
		docker: "links are only supported for user-defined networks",
		example: func(a *assignment) {
			a.Info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
			withParameter("link", "{other}:db")(a)
		},
	},
}

// reworded is a row for the same complaint in the words of two releases.
func reworded(option, value, ours, theirs string) difference {
	return difference{
		name: "words about " + option, field: parametersField, where: oldCommand, reason: "later docker commands have another text for it",
		refusal: ours, docker: theirs, example: withParameter(option, value),
	}
}

// namesCause says whether an Engine's refusal names an option or a value of the task, so that its author can find it: all
// words of the option's name, or a whole word of a value.
func namesCause(refusal error, arguments []string) bool {
	split := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	text := strings.ToLower(refusal.Error())
	said := split(strings.TrimPrefix(text, "error response from daemon: "))
	for _, argument := range arguments {
		option, value, _ := strings.Cut(argument, "=")
		words := split(option)
		named := len(words) > 0 && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
		if named || slices.ContainsFunc(split(value), func(word string) bool { return slices.Contains(said, word) }) {
			return true
		}
	}
	return false
}
