package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
)

// API versions at which something changes for us or for stock agents (contract 1.10).
const (
	oldestAPI       = "1.40" // of Engine 19.03; the oldest that is spoken
	mountsBelow     = "1.44" // of Engine 25: a read-only volume is that for what is mounted below it, too
	imageLostConfig = "1.45" // of Engine 26: image inspect without ContainerConfig, which stock agents insist on
	lostIPAddress   = "1.52" // of Engine 29: container inspect without NetworkSettings.IPAddress
)

// older compares API versions, which are two numbers. What cannot be read is not older.
func older(a, b string) bool {
	x, y := numbers(a), numbers(b)
	return x != nil && y != nil && slices.Compare(x, y) < 0
}

func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

const noEngine = "the Docker Engine does not answer"

func (d *doctor) engineVersion(context.Context) finding {
	h, err := d.docker()
	v := h.version
	if v.APIVersion == "" {
		return failed(fmt.Sprintf("no Docker Engine answers at %s: %v", d.Config.DockerSocket, err), "install docker if it is not here, then systemctl start docker; tasks wait for it within their time. If it listens elsewhere, set docker_socket")
	}
	seen := fmt.Sprintf("Docker Engine %s, API %s to %s", v.Version, orNotSet(v.MinAPIVersion), v.APIVersion)
	switch {
	case h.podman():
		return failed("Podman "+v.Version+" answers at "+d.Config.DockerSocket+", and Podman is not supported", "install Docker Engine 20.10 or newer; if that is there, set docker_socket to its socket")
	case older(v.APIVersion, oldestAPI):
		return failed(seen+"; "+oldestAPI+" is needed", "upgrade to Engine 20.10 or newer")
	case older(d.API, v.MinAPIVersion):
		return failed(seen+"; this release speaks up to "+d.API, "upgrade mesos-docker-containerizer, or set min-api-version in /etc/docker/daemon.json")
	case err != nil:
		return failed(seen+fmt.Sprintf("; GET /info: %v", err), "see whether dockerd hangs (journalctl -u docker)")
	}
	if older(v.APIVersion, mountsBelow) {
		seen += "; tasks can write what is mounted below a read-only volume"
	}
	switch {
	case older(v.APIVersion, imageLostConfig):
	case older(v.APIVersion, lostIPAddress):
		seen += "; stock agents start no task on it with docker's own command, with ours they do"
	default:
		seen += "; stock agents start no task on it with docker's own command and do not recover, with ours they do"
	}
	return ok("%s", seen)
}

// engineLimits are kernel features that tasks' resources need.
func (d *doctor) engineLimits(h dockerHost) finding {
	var all findings
	if off(h.info.MemoryLimit) {
		all = append(all, failed("the Engine cannot limit memory", "boot with cgroup_enable=memory"))
	}
	if off(h.info.CPUCfsQuota) && d.Config.CgroupsEnableCFS {
		all = append(all, failed("the Engine cannot limit CPU time, and cgroups_enable_cfs asks for it", "use a kernel with CONFIG_CFS_BANDWIDTH"))
	}
	return all.joined("memory and CPU time can be limited")
}

func off(feature *bool) bool { return feature != nil && !*feature }

// cgroups says which routes the host's cgroup version leaves (docs/architecture.md, "Routes").
func (d *doctor) cgroups(h dockerHost) finding {
	if d.Config.CgroupParent == config.CgroupParentExecutor && h.info.CgroupDriver != "cgroupfs" {
		return failed("cgroup_parent=executor, and the Engine's cgroup driver is "+h.info.CgroupDriver+": every task of a custom executor fails",
			`put "exec-opts": ["native.cgroupdriver=cgroupfs"] into /etc/docker/daemon.json and restart docker, or set cgroup_parent to engine`)
	}
	if h.info.CgroupVersion != "2" {
		return ok("cgroup v1: all routes")
	}
	if d.flags() != nil {
		if d.hasDocker() {
			return ok("cgroup v2, and this agent runs its docker containerizer on it: all routes")
		}
		return ok("cgroup v2: custom executors; the drop-in route needs an agent whose docker containerizer knows cgroup v2, such as ClusterD's")
	}
	const seen = "cgroup v2"
	if d.Config.Origin("containerizers").Place != "" && d.Config.DockerEnabled() {
		return warning(seen+", and containerizers has docker ("+d.Config.Origin("containerizers").String()+"): agents of Apache Mesos end at their start with that (\"Failed to find a mounted cgroups hierarchy for the 'cpu' subsystem\")",
			"for Apache Mesos set the agent's containerizers to mesos and use custom executors, or boot with systemd.unified_cgroup_hierarchy=0; ClusterD's agents run as it is")
	}
	return ok("%s: custom executors; the drop-in route with ClusterD's agents only", seen)
}

// slow or gone are storage drivers that should not carry tasks.
var unfit = map[string]string{
	"vfs":          "copies an image's whole content for each container",
	"devicemapper": "is deprecated and gone from Engine 25 on",
	"aufs":         "is deprecated and gone from Engine 24 on",
	"overlay":      "is deprecated and gone from Engine 24 on",
}

func (d *doctor) storageDriver(h dockerHost) finding {
	if reason, bad := unfit[h.info.Driver]; bad {
		return warning(fmt.Sprintf("the storage driver %s %s", h.info.Driver, reason), "use overlay2 (storage-driver in /etc/docker/daemon.json); images have to be pulled again")
	}
	seen := fmt.Sprintf("%s, below %s", h.info.Driver, h.info.DockerRootDir)
	if h.containerdStore() {
		seen += `; images are in containerd's store: an Engine older than 29 forgets the containers that run, unless it has "features": {"containerd-snapshotter": true} in /etc/docker/daemon.json (docs/operating.md, "Upgrade")`
	}
	return ok("%s", seen)
}

// containerdStore says that images and containers are in containerd's store, the default of an Engine 29 on a new host.
func (h dockerHost) containerdStore() bool {
	return slices.ContainsFunc(h.info.DriverStatus, func(pair []string) bool {
		return len(pair) == 2 && pair[0] == "driver-type" && pair[1] == "io.containerd.snapshotter.v1"
	})
}

func (d *doctor) liveRestore(h dockerHost) finding {
	switch {
	case h.info.LiveRestoreEnabled:
		return ok("tasks survive a restart of dockerd; a shutdown takes up to 90 s longer while a container ignores SIGTERM (%s)", words.Page("operating.md"))
	case h.info.Swarm.LocalNodeState == "active":
		return warning("live-restore is off, as it has to be in a swarm: a restart of dockerd ends all tasks", "let this host leave the swarm, and turn live-restore on")
	}
	return warning("live-restore is off: a restart of dockerd ends all tasks", `put "live-restore": true into /etc/docker/daemon.json, and systemctl reload docker`)
}

// userns says what tasks get of a host whose users the Engine remaps.
func (d *doctor) userns(h dockerHost) finding {
	u := engine.UsernsOf(h.info.SecurityOptions, h.info.DockerRootDir)
	if u == nil {
		return ok("users in containers are the host's")
	}
	var all findings
	if u.UID != 0 && !(d.Config.UsernsSandbox && u.GID > 0) {
		all = append(all, warning("users are remapped (userns-remap), so tasks cannot write their sandboxes, which are other users'", "set userns_sandbox"))
	}
	if !d.Config.UsernsHost {
		all = append(all, warning("users are remapped (userns-remap), so tasks on the host's network, which is Mesos's default, with pid=host or privileged are refused", "set userns_host, with userns:host among allowed_namespaces, or let them use another network"))
	}
	return all.joined(fmt.Sprintf("root in containers is user %d, group %d of the host, and tasks can write their sandboxes; those on the host's network, with pid=host or privileged are root of the host", u.UID, u.GID))
}

// maxSkew is more than a question and its answer take.
const maxSkew = 2 * time.Second

// clock compares the Engine's and the agent's clocks with this process's. The times of exits are the Engine's, deadlines and
// timestamps of updates are the executor's.
func (d *doctor) clock(context.Context) finding {
	var all findings
	compared := []string{}
	compare := func(whose string, theirs, ours time.Time, resolution time.Duration) {
		if theirs.IsZero() {
			return
		}
		compared = append(compared, whose)
		if skew := theirs.Sub(ours); skew.Abs() > maxSkew+resolution {
			all = append(all, warning(fmt.Sprintf("the clock of %s is off by %s", whose, skew.Round(time.Millisecond)), "run one time service on all hosts (chrony, systemd-timesyncd), and see that "+whose+" is on this one"))
		}
	}
	if h, err := d.docker(); err == nil {
		compare("the Docker Engine", h.info.SystemTime, h.at, 0)
	}
	if seen, _ := d.agent(); seen.Version != "" {
		compare("the agent", seen.Date, seen.At, time.Second)
	}
	if len(compared) == 0 {
		return skipped("neither Engine nor agent tells its time")
	}
	return all.joined("the time is that of " + strings.Join(compared, " and of "))
}
