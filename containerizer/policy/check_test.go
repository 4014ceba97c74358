package policy

import (
	"errors"
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"
)

// multiTenant is the set that docs/policy.md recommends.
var multiTenant = []string{
	"allow_privileged=false", "allowed_host_paths=none", "allowed_parameters=label,env,hostname,network,ulimit,user,memory-swap,volume",
	"allowed_networks=bridge,apps", "allowed_images=registry.example/*", "allowed_capabilities=none", "allowed_devices=none",
	"allowed_namespaces=none", "allowed_volume_drivers=none", "allowed_runtimes=none",
}

type config = container.Config

// attacks are ways to the host, each with the rule that must stand in the way. Each is tried three times: against that rule
// alone, against the recommended set, and by an executor that is not root's on a host without any rule.
var attacks = []struct {
	name    string
	rule    string // name=value
	field   string
	subject Subject
}{
	{"privileged", "allow_privileged=false", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},
	{"privileged for capabilities", "allowed_capabilities=NET_ADMIN", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},
	{"privileged for devices", "allowed_devices=/dev/fuse", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},
	{"privileged for host paths", "allowed_host_paths=/srv", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},
	{"privileged with a read-only host", "allowed_host_paths=/:ro", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},
	{"privileged for namespaces", "allowed_namespaces=pid:host", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},
	{"privileged for networks", "allowed_networks=bridge", "HostConfig.Privileged", host(func(h *container.HostConfig) { h.Privileged = true })},

	{"capability", "allowed_capabilities=NET_ADMIN", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"SYS_ADMIN"} })},
	{"capability with prefix", "allowed_capabilities=NET_ADMIN", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"CAP_SYS_ADMIN"} })},
	{"capability in lower case", "allowed_capabilities=none", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"cap_sys_admin"} })},
	{"capability in long s", "allowed_capabilities=none", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"ſys_admin"} })},
	{"capability behind an allowed one", "allowed_capabilities=NET_ADMIN", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"CHOWN", "net_admin", "SYS_PTRACE"} })},
	{"all capabilities", "allowed_capabilities=NET_ADMIN,SYS_ADMIN", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"ALL"} })},
	{"all capabilities in lower case", "allowed_capabilities=NET_ADMIN", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd = []string{"all"} })},
	{"all capabilities but one", "allowed_capabilities=none", "HostConfig.CapAdd", host(func(h *container.HostConfig) { h.CapAdd, h.CapDrop = []string{"ALL"}, []string{"KILL"} })},
	{"real-time ulimit", "allowed_capabilities=none", "HostConfig.Ulimits", host(func(h *container.HostConfig) { h.Ulimits = []*units.Ulimit{nil, {Name: "rtprio", Hard: 99}} })},
	{"nice ulimit", "allowed_capabilities=none", "HostConfig.Ulimits", host(func(h *container.HostConfig) { h.Ulimits = []*units.Ulimit{{Name: "nice", Soft: 40}} })},
	{"real-time runtime", "allowed_capabilities=none", "HostConfig.CpuRealtimeRuntime", host(func(h *container.HostConfig) { h.CPURealtimeRuntime = 950000 })},
	{"oom score", "allowed_capabilities=none", "HostConfig.OomScoreAdj", host(func(h *container.HostConfig) { h.OomScoreAdj = -1000 })},
	{"no oom killer", "allowed_capabilities=none", "HostConfig.OomKillDisable", host(func(h *container.HostConfig) { h.OomKillDisable = yes() })},

	{"pid of the host", "allowed_namespaces=ipc:host", "HostConfig.PidMode", host(func(h *container.HostConfig) { h.PidMode = "host" })},
	{"pid of a container", "allowed_namespaces=pid:host", "HostConfig.PidMode", host(func(h *container.HostConfig) { h.PidMode = "container:other" })},
	{"pid of a mode unheard of", "allowed_namespaces=pid:host", "HostConfig.PidMode", host(func(h *container.HostConfig) { h.PidMode = "Host" })},
	{"ipc of the host", "allowed_namespaces=pid:host", "HostConfig.IpcMode", host(func(h *container.HostConfig) { h.IpcMode = "host" })},
	{"ipc of a container", "allowed_namespaces=ipc:host", "HostConfig.IpcMode", host(func(h *container.HostConfig) { h.IpcMode = "container:other" })},
	{"uts of the host", "allowed_namespaces=none", "HostConfig.UTSMode", host(func(h *container.HostConfig) { h.UTSMode = "host" })},
	{"userns of the host", "allowed_namespaces=none", "HostConfig.UsernsMode", host(func(h *container.HostConfig) { h.UsernsMode = "host" })},
	{"cgroupns of the host", "allowed_namespaces=none", "HostConfig.CgroupnsMode", host(func(h *container.HostConfig) { h.CgroupnsMode = "host" })},
	{"cgroup of a container", "allowed_namespaces=cgroup:host", "HostConfig.Cgroup", host(func(h *container.HostConfig) { h.Cgroup = "container:other" })},
	{"cgroup parent", "allowed_namespaces=cgroup:host", "HostConfig.CgroupParent", host(func(h *container.HostConfig) { h.CgroupParent = "/system.slice" })},

	{"seccomp", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"seccomp=unconfined"} })},
	{"seccomp with colon", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"seccomp:unconfined"} })},
	{"seccomp profile", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{`seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`} })},
	{"apparmor", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"apparmor=unconfined"} })},
	{"label off", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"label=disable"} })},
	{"label off in the old form", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"disable"} })},
	{"label of another", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"label=level:s0:c1,c2"} })},
	{"new privileges", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"no-new-privileges=false"} })},
	{"new privileges, and then not", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"no-new-privileges", "no-new-privileges:0"} })},
	{"writable cgroups", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"writable-cgroups"} })},
	{"option unheard of", "allow_privileged=false", "HostConfig.SecurityOpt", host(func(h *container.HostConfig) { h.SecurityOpt = []string{"landlock=off"} })},
	{"no masked paths", "allow_privileged=false", "HostConfig.MaskedPaths", host(func(h *container.HostConfig) { h.MaskedPaths = []string{} })},
	{"no read-only paths", "allow_privileged=false", "HostConfig.ReadonlyPaths", host(func(h *container.HostConfig) { h.ReadonlyPaths = []string{} })},
	{"kernel parameter", "allow_privileged=false", "HostConfig.Sysctls", host(func(h *container.HostConfig) { h.Sysctls = map[string]string{"kernel.core_pattern": "|/x"} })},
	{"kernel parameter by slashes", "allow_privileged=false", "HostConfig.Sysctls", host(func(h *container.HostConfig) { h.Sysctls = map[string]string{"net/../kernel/core_pattern": "|/x"} })},

	{"host network", "allowed_networks=bridge,apps", "HostConfig.NetworkMode", host(func(h *container.HostConfig) { h.NetworkMode = "host" })},
	{"container network", "allowed_networks=bridge,host", "HostConfig.NetworkMode", host(func(h *container.HostConfig) { h.NetworkMode = "container:other" })},
	{"another network", "allowed_networks=bridge", "HostConfig.NetworkMode", host(func(h *container.HostConfig) { h.NetworkMode = "secret" })},
	{"a second network", "allowed_networks=bridge", "NetworkingConfig.EndpointsConfig", subject(func(_ *config, _ *container.HostConfig, n *network.NetworkingConfig) {
		n.EndpointsConfig = map[string]*network.EndpointSettings{"bridge": nil, "secret": {}}
	})},
	{"a network by id", "allowed_networks=bridge", "EndpointSettings.NetworkID", subject(func(_ *config, _ *container.HostConfig, n *network.NetworkingConfig) {
		n.EndpointsConfig = map[string]*network.EndpointSettings{"bridge": {NetworkID: "0123456789ab"}}
	})},
	{"link", "allowed_networks=bridge", "HostConfig.Links", host(func(h *container.HostConfig) { h.Links = []string{"database:db"} })},
	{"link of an endpoint", "allowed_networks=bridge", "EndpointSettings.Links", subject(func(_ *config, _ *container.HostConfig, n *network.NetworkingConfig) {
		n.EndpointsConfig = map[string]*network.EndpointSettings{"bridge": {Links: []string{"database:db"}}}
	})},

	{"device", "allowed_devices=/dev/fuse", "HostConfig.Devices", host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/sda"}} })},
	{"device below an allowed name", "allowed_devices=/dev/fuse", "HostConfig.Devices", host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/fuse2"}} })},
	{"all devices", "allowed_devices=/dev/fuse", "HostConfig.Devices", host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: "/dev"}} })},
	{"device by dots", "allowed_devices=/dev/snd", "HostConfig.Devices", host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/snd/../sda"}} })},
	{"device by a relative path", "allowed_devices=/dev/fuse", "HostConfig.Devices", host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: "dev/sda"}} })},
	{"device with more access", "allowed_devices=/dev/fuse:r", "HostConfig.Devices", host(func(h *container.HostConfig) {
		h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/fuse", CgroupPermissions: "rw"}}
	})},
	{"device with access by default", "allowed_devices=/dev/fuse:rw", "HostConfig.Devices", host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/fuse"}} })},
	{"device by numbers", "allowed_devices=/dev/fuse", "HostConfig.DeviceCgroupRules", host(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"b 8:0 rwm"} })},
	{"all devices by numbers", "allowed_devices=c *:* rwm", "HostConfig.DeviceCgroupRules", host(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"a 1:3 rwm"} })},
	{"numbers that cannot be read", "allowed_devices=c *:* rwm", "HostConfig.DeviceCgroupRules", host(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"c 1:3  rwm"} })},
	{"gpus", "allowed_devices=/dev", "HostConfig.DeviceRequests", host(func(h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Count: -1, Capabilities: [][]string{{"gpu"}}}}
	})},
	{"gpus by name", "allowed_devices=gpus,cdi:nvidia.com/gpu", "HostConfig.DeviceRequests", host(func(h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{DeviceIDs: []string{"0"}, Capabilities: [][]string{{"gpu"}}}}
	})},
	{"gpus by the full name", "allowed_devices=gpus:named", "HostConfig.DeviceRequests", host(func(h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Driver: "cdi", DeviceIDs: []string{"nvidia.com/gpu=0"}}}
	})},
	{"gpus by name in the variable", "allowed_devices=gpus", "Config.Env", subject(func(c *config, _ *container.HostConfig, _ *network.NetworkingConfig) {
		c.Env = []string{"NVIDIA_VISIBLE_DEVICES=GPU-a"}
	})},
	{"gpus by variable", "allowed_devices=/dev", "Config.Env", subject(func(c *config, _ *container.HostConfig, _ *network.NetworkingConfig) {
		c.Env = []string{"A=b", "NVIDIA_VISIBLE_DEVICES=all"}
	})},
	{"device by CDI", "allowed_devices=gpus,cdi:example.org/net", "HostConfig.DeviceRequests", host(func(h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Driver: "cdi", DeviceIDs: []string{"example.org/net=0", "example.org/disk=sda"}}}
	})},
	{"device of a driver unheard of", "allowed_devices=gpus", "HostConfig.DeviceRequests", host(func(h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Driver: "disks", Capabilities: [][]string{{"gpu"}}}}
	})},
	{"another capability of a driver", "allowed_devices=gpus", "HostConfig.DeviceRequests", host(func(h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Capabilities: [][]string{{"gpu"}, {"disk"}}}}
	})},

	{"runtime", "allowed_runtimes=runsc", "HostConfig.Runtime", host(func(h *container.HostConfig) { h.Runtime = "mine" })},
	{"annotation", "allowed_runtimes=runsc", "HostConfig.Annotations", host(func(h *container.HostConfig) {
		h.Annotations = map[string]string{"run.oci.hooks.stdout": "/etc/cron.d/x"}
	})},
	{"runtime named like an annotation", "allowed_runtimes=annotation:x", "HostConfig.Runtime", host(func(h *container.HostConfig) { h.Runtime = "annotation:x" })},

	{"bind", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/etc:/x"} })},
	{"bind of everything", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/:/x:ro"} })},
	{"bind of the Engine's socket", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/var/run/docker.sock:/x"} })},
	{"bind of the run directory", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/run/mesos-docker-containerizer:/x"} })},
	{"bind of a neighbour", "allowed_host_paths=/srv/a", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/ab:/x"} })},
	{"bind by dots", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/../etc:/x"} })},
	{"bind by more dots", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/a/.././../etc/:/x"} })},
	{"bind by procfs", "allowed_host_paths=/srv,/proc", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/proc/self/root/srv:/x"} })},
	{"bind by procfs of the first process", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/proc/1/root:/x"} })},
	{"bind that writes", "allowed_host_paths=/srv:ro", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/a:/x:rw"} })},
	{"bind that relabels", "allowed_host_paths=/srv:ro", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/a:/x:ro,Z"} })},
	{"bind that is shared", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/a:/x:rshared"} })},
	{"bind with a colon too many", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/a:/x:rw:ro"} })},
	{"bind with NUL", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"/srv/a\x00:/x"} })},
	{"mount", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Type: "bind", Source: "/etc", Target: "/x"}} })},
	{"mount by a relative path", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Type: "bind", Source: "etc"}} })},
	{"mount that is writable below", "allowed_host_paths=/srv:ro", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{{Type: "bind", Source: "/srv", ReadOnly: true, BindOptions: &mount.BindOptions{ReadOnlyNonRecursive: true}}}
	})},
	{"mount that is shared", "allowed_host_paths=/srv:rw", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{{Type: "bind", Source: "/srv", BindOptions: &mount.BindOptions{Propagation: "shared"}}}
	})},
	{"mount without a type", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Source: "/srv"}} })},
	{"mount of a type unheard of", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Type: "npipe", Source: "/srv"}} })},
	{"new volume that is a bind mount", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{volumeMount("new", "local", map[string]string{"type": "none", "o": "bind", "device": "/etc"})}
	})},
	{"new volume without a name that is a bind mount", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{volumeMount("", "", map[string]string{"type": "tmpfs", "o": "ro,rbind", "device": "etc"})}
	})},
	{"volume of layers", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{volumeMount("new", "local", map[string]string{"type": "overlay", "o": "lowerdir=/etc:/srv", "device": "overlay"})}
	})},
	{"volume of a disk", "allowed_host_paths=/dev", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{volumeMount("new", "local", map[string]string{"type": "ext4", "device": "/dev/sda1"})}
	})},
	{"volume of a remote file system", "allowed_volume_drivers=local", "HostConfig.Mounts", host(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{volumeMount("new", "local", map[string]string{"type": "nfs", "o": "addr=192.0.2.1", "device": ":/"})}
	})},
	{"named volume that is a bind mount", "allowed_host_paths=/srv", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"etc-volume:/x:ro"} })},
	{"named volume in a mount", "allowed_host_paths=/srv", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{volumeMount("etc-volume", "", nil)} })},
	{"named volume of another driver", "allowed_volume_drivers=local", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"plugin-volume:/x"} })},
	{"named volume where none may be", "allowed_volume_drivers=none", "HostConfig.Binds", host(func(h *container.HostConfig) { h.Binds = []string{"new:/x"} })},
	{"volume driver", "allowed_volume_drivers=local", "HostConfig.VolumeDriver", host(func(h *container.HostConfig) { h.VolumeDriver = "mine" })},
	{"volume driver of one mount", "allowed_volume_drivers=local", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{volumeMount("", "mine", nil)} })},
	{"cluster volume", "allowed_volume_drivers=local", "HostConfig.Mounts", host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Type: "cluster", Source: "v"}} })},
	{"volumes from a container with a bind", "allowed_host_paths=/srv", "HostConfig.VolumesFrom", host(func(h *container.HostConfig) { h.VolumesFrom = []string{"holder:ro"} })},
	{"volumes from a container with a volume", "allowed_host_paths=/srv", "HostConfig.VolumesFrom", host(func(h *container.HostConfig) { h.VolumesFrom = []string{"volume-holder"} })},
	{"volumes from nowhere", "allowed_host_paths=/srv", "HostConfig.VolumesFrom", host(func(h *container.HostConfig) { h.VolumesFrom = []string{"nobody"} })},

	{"log to a socket", "allowed_host_paths=/srv", "HostConfig.LogConfig", host(func(h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Type: "syslog", Config: map[string]string{"syslog-address": "unixgram:///run/systemd/private"}}
	})},
	{"log that reads a file", "allowed_host_paths=/srv", "HostConfig.LogConfig", host(func(h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Type: "splunk", Config: map[string]string{"splunk-capath": "/etc/shadow"}}
	})},
	{"log to an address", "allowed_networks=bridge", "HostConfig.LogConfig", host(func(h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Type: "gelf", Config: map[string]string{"gelf-address": "tcp://127.0.0.1:5050"}}
	})},
	{"log with the Engine's driver to an address", "allowed_networks=bridge", "HostConfig.LogConfig", host(func(h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Config: map[string]string{"syslog-address": "udp://127.0.0.1:514"}}
	})},
	{"log by the host's credentials", "allowed_networks=bridge", "HostConfig.LogConfig", host(func(h *container.HostConfig) { h.LogConfig.Type = "awslogs" })},
	{"log to the journal", "allowed_host_paths=/srv", "HostConfig.LogConfig", host(func(h *container.HostConfig) { h.LogConfig.Type = "journald" })},
}

func yes() *bool {
	yes := true
	return &yes
}

func volumeMount(name, driver string, options map[string]string) mount.Mount {
	return mount.Mount{Type: "volume", Source: name, Target: "/x",
		VolumeOptions: &mount.VolumeOptions{DriverConfig: &mount.Driver{Name: driver, Options: options}}}
}

// engineWithTraps has what the attacks refer to.
var engineWithTraps = fakeEngine{
	volumes: map[string]volume.Volume{
		"etc-volume":    {Name: "etc-volume", Driver: "local", Options: map[string]string{"type": "none", "o": "bind", "device": "/etc"}},
		"plugin-volume": {Name: "plugin-volume", Driver: "mine"},
		"plain-volume":  {Name: "plain-volume", Driver: "local"},
	},
	containers: map[string]container.InspectResponse{
		"holder": {Mounts: []container.MountPoint{
			{Type: "tmpfs"}, {Type: "volume", Name: "plain-volume", Driver: "local", RW: true}, {Type: "bind", Source: "/etc", RW: true},
		}},
		"volume-holder": {Mounts: []container.MountPoint{{Type: "volume", Name: "etc-volume", Driver: "local"}}},
	},
}

func TestAttacks(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			refusal := wantRefused(t, mustNew(t, rules(t, a.rule)), a.subject, engineWithTraps)
			rule, _, _ := strings.Cut(a.rule, "=")
			if refusal.Rule != rule || refusal.Source != anySource+"/"+rule || refusal.Field != a.field {
				t.Errorf("refused by %s, %s for %s, want %s for %s", refusal.Rule, refusal.Source, refusal.Field, rule, a.field)
			}
			for _, part := range []string{refusal.Rule, refusal.Source, refusal.Field, runspec.Quote(refusal.Value)} {
				if !strings.Contains(refusal.Error(), part) {
					t.Errorf("%q does not say %s", refusal, part)
				}
			}
			wantRefused(t, mustNew(t, rules(t, multiTenant...)), a.subject, engineWithTraps)

			foreign := a.subject
			foreign.User = &User{1000, 1000}
			c, h := *foreign.Config, *foreign.HostConfig
			foreign.User.Confine(&c, &h)
			foreign.Config, foreign.HostConfig = &c, &h
			refusal = wantRefused(t, mustNew(t, Options{}), foreign, engineWithTraps)
			if refusal.Source != "" || !strings.Contains(refusal.Error(), "do not run as root") {
				t.Errorf("for another user: %v", refusal)
			}

			if err := mustNew(t, Options{}).Check(t.Context(), a.subject, nil); err != nil {
				t.Errorf("a host without policy files is not open: %v", err)
			}
			if err := mustNew(t, rules(t, rule+"="+map[bool]string{true: "true", false: "*"}[rule == rulePrivileged])).Check(t.Context(), a.subject, engineWithTraps); err != nil {
				t.Errorf("refused though anything is allowed: %v", err)
			}
		})
	}
}

// TestOrdinaryTasks holds what must pass the recommended set, and for a user other than root a host without any rule.
func TestOrdinaryTasks(t *testing.T) {
	for name, s := range map[string]Subject{
		"plain":       subject(nil),
		"default net": host(func(h *container.HostConfig) { h.NetworkMode = "default" }),
		"no net":      host(func(h *container.HostConfig) { h.NetworkMode = "none" }),
		"port": host(func(h *container.HostConfig) {
			h.PortBindings = nat.PortMap{"80/tcp": {{HostPort: "31000"}, {HostPort: ""}}}
		}),
		"amounts": host(func(h *container.HostConfig) {
			h.Memory, h.CPUShares, h.ShmSize, h.OomScoreAdj = 1<<30, 1024, 1<<20, 900
		}),
		"ulimit":       host(func(h *container.HostConfig) { h.Ulimits = []*units.Ulimit{{Name: "nofile", Hard: 65536}} }),
		"less":         host(func(h *container.HostConfig) { h.CapDrop, h.ReadonlyRootfs = []string{"ALL"}, true }),
		"some of less": host(func(h *container.HostConfig) { h.CapDrop, h.CapAdd = []string{"ALL"}, []string{"cap_net_bind_service"} }),
		"nothing new":  host(func(h *container.HostConfig) { h.SecurityOpt = []string{"no-new-privileges:true", "seccomp=builtin"} }),
		"tmpfs": host(func(h *container.HostConfig) {
			h.Tmpfs, h.Mounts = map[string]string{"/t": ""}, []mount.Mount{{Type: "tmpfs", Target: "/u"}}
		}),
		"own volume": host(func(h *container.HostConfig) {
			h.Binds, h.Mounts = []string{"/data"}, []mount.Mount{{Type: "volume", Target: "/x"}}
		}),
		"own namespaces": host(func(h *container.HostConfig) { h.IpcMode, h.CgroupnsMode = "private", "private" }),
		"sysctl": host(func(h *container.HostConfig) {
			h.Sysctls = map[string]string{"net.core.somaxconn": "1024", "kernel.shmmax": "1"}
		}),
		"log": host(func(h *container.HostConfig) {
			h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}}
		}),
		"no gpu": subject(func(c *config, _ *container.HostConfig, _ *network.NetworkingConfig) {
			c.Env = []string{"NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES"}
		}),
	} {
		s.Parameters = []string{"label", "net"}
		if err := mustNew(t, rules(t, multiTenant...)).Check(t.Context(), s, engineWithTraps); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.User = &User{1000, 1000}
		s.User.Confine(s.Config, s.HostConfig)
		if err := mustNew(t, Options{}).Check(t.Context(), s, engineWithTraps); err != nil {
			t.Errorf("%s, for another user: %v", name, err)
		}
	}
}

// TestAllowed has what an item of each rule lets pass.
func TestAllowed(t *testing.T) {
	for _, tt := range []struct {
		rule    string
		subject Subject
	}{
		{"allowed_capabilities=cap_net_admin", host(func(h *container.HostConfig) { h.CapAdd = []string{"NET_ADMIN"} })},
		{"allowed_capabilities=ALL", host(func(h *container.HostConfig) { h.CapAdd, h.OomScoreAdj = []string{"all", "cap_sys_admin"}, -5 })},
		{"allowed_namespaces=pid:container,ipc:host", host(func(h *container.HostConfig) { h.PidMode, h.IpcMode = "container:x", "host" })},
		{"allowed_networks=container", host(func(h *container.HostConfig) { h.NetworkMode, h.Links = "container:x", []string{"y"} })},
		{"allowed_networks=default", host(func(h *container.HostConfig) { h.NetworkMode = "" })},
		{"allowed_networks=none", host(func(h *container.HostConfig) { h.NetworkMode = "none" })},
		{"allowed_networks=host", host(func(h *container.HostConfig) {
			h.NetworkMode, h.LogConfig = "host", container.LogConfig{Type: "gelf", Config: map[string]string{"gelf-address": "udp://192.0.2.1:1"}}
		})},
		{"allowed_devices=/dev/null:r,/dev/snd", host(func(h *container.HostConfig) {
			h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", CgroupPermissions: "r"}, {PathOnHost: "/dev/snd/timer"}}
		})},
		{"allowed_devices=c 10:* rw,b *:* rwm", host(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"c 10:200 r", "b 8:1 m"} })},
		{"allowed_devices=a *:* rwm", host(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"a 1:1 rwm", "b *:* m"} })},
		{"allowed_devices=gpus,cdi:example.org/net,cdi:example.org/disk=0", host(func(h *container.HostConfig) {
			h.DeviceRequests = []container.DeviceRequest{
				{Driver: "nvidia", Capabilities: [][]string{{"gpu", "compute"}}}, {Driver: "cdi", DeviceIDs: []string{"example.org/net=3", "example.org/disk=0"}},
			}
		})},
		{"allowed_devices=gpus:named", subject(func(c *config, h *container.HostConfig, _ *network.NetworkingConfig) {
			c.Env = []string{"NVIDIA_VISIBLE_DEVICES=0,GPU-a"}
			h.DeviceRequests = []container.DeviceRequest{{DeviceIDs: []string{"0"}, Capabilities: [][]string{{"gpu"}}}, {Count: 1, Capabilities: [][]string{{"gpu"}}}}
		})},
		{"allowed_devices=gpus", subject(func(c *config, h *container.HostConfig, _ *network.NetworkingConfig) {
			c.Env = []string{"NVIDIA_VISIBLE_DEVICES=all"}
			h.DeviceRequests = []container.DeviceRequest{{Driver: "amd", Count: -1, Capabilities: [][]string{{"gpu"}}}}
		})},
		{"allowed_runtimes=runsc,annotation:a.b", host(func(h *container.HostConfig) { h.Runtime, h.Annotations = "runsc", map[string]string{"a.b": "c"} })},
		{"allowed_volume_drivers=local,local:nfs", host(func(h *container.HostConfig) {
			h.Binds, h.Mounts = []string{"plain-volume:/x", "new:/y"}, []mount.Mount{volumeMount("n", "local", map[string]string{"type": "nfs", "o": "addr=192.0.2.1", "device": ":/"})}
		})},
		{"allowed_volume_drivers=example/fs", host(func(h *container.HostConfig) { h.VolumeDriver = "example/fs:latest" })},
		{"allowed_host_paths=/etc", host(func(h *container.HostConfig) {
			h.VolumesFrom, h.Binds = []string{"holder"}, []string{"etc-volume:/a", "/etc/./x//y:/b:z", "/etc:/c:rslave"}
		})},
		{"allowed_host_paths=/etc:ro", host(func(h *container.HostConfig) { h.VolumesFrom, h.Binds = []string{"holder:ro"}, []string{"/etc:/c:ro"} })},
		{"allowed_host_paths=/etc:shared", host(func(h *container.HostConfig) { h.Binds = []string{"/etc:/c:ro,shared"} })},
		{"allowed_host_paths=/", host(func(h *container.HostConfig) { h.Binds = []string{"/proc/1/root:/x", "/:/y"} })},
		{"allowed_parameters=net", Subject{Parameters: []string{"network", "net=x"}}},
	} {
		if err := mustNew(t, rules(t, tt.rule)).Check(t.Context(), tt.subject, engineWithTraps); err != nil {
			t.Errorf("%s: %v", tt.rule, err)
		}
	}
}

func TestParameters(t *testing.T) {
	p := mustNew(t, rules(t, "allowed_parameters=label,network"))
	for _, key := range []string{"volume", "volume=/etc:/x", "Label", "label ", "", "--label", "networks", "dns"} {
		refusal := wantRefused(t, p, Subject{Parameters: []string{"label", key}}, nil)
		if refusal.Rule != "allowed_parameters" || refusal.Value != key {
			t.Errorf("%q: %v", key, refusal)
		}
	}
}

// TestOwnLogDriver takes what the operator configured for no choice of the task.
func TestOwnLogDriver(t *testing.T) {
	o := rules(t, multiTenant...)
	o.LogDriver, o.LogOpts = "syslog", map[string]string{"syslog-address": "udp://192.0.2.1:514"}
	p := mustNew(t, o)
	own := host(func(h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Type: "syslog", Config: map[string]string{"syslog-address": "udp://192.0.2.1:514"}}
	})
	if err := p.Check(t.Context(), own, nil); err != nil {
		t.Error(err)
	}
	own.HostConfig.LogConfig.Config = map[string]string{"syslog-address": "udp://192.0.2.2:514"}
	wantRefused(t, p, own, nil)
}

// TestLogOptionsStayPrivate: tokens of log drivers are no text for a status message.
func TestLogOptionsStayPrivate(t *testing.T) {
	s := host(func(h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Type: "splunk", Config: map[string]string{"splunk-token": "hunter2", "splunk-url": "https://user:hunter2@192.0.2.1"}}
	})
	if text := wantRefused(t, mustNew(t, rules(t, "allowed_networks=bridge")), s, nil).Error(); strings.Contains(text, "hunter2") {
		t.Error(text)
	}
}

// TestEngineAway: what cannot be asked is no verdict.
func TestEngineAway(t *testing.T) {
	away := errors.New("no answer")
	for _, s := range []Subject{
		host(func(h *container.HostConfig) { h.Binds = []string{"v:/x"} }),
		host(func(h *container.HostConfig) { h.VolumesFrom = []string{"c"} }),
	} {
		err := mustNew(t, rules(t, "allowed_host_paths=/srv")).Check(t.Context(), s, fakeEngine{err: away})
		if _, refused := errors.AsType[*Refusal](err); refused || !errors.Is(err, away) {
			t.Errorf("%v", err)
		}
	}
}
