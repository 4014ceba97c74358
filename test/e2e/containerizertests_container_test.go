package e2e

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// The behaviours in this file are about what a container is given.

// argv is what the process in the container is, for a command of an image that has both ENTRYPOINT and CMD.
func argv(t *testing.T, command mesos.CommandInfo) []string {
	t.Helper()
	image := environment.Image(t, testimage.Spec{Entrypoint: []string{"/bin/probe", "report"}, Cmd: []string{"of", "the", "image"}})
	return newHost(t).finish(t, dockerTask(t, image, command)).reported(t).Argv
}

func wantArgv(t *testing.T, command mesos.CommandInfo, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{"/bin/probe", "report"}, want...), argv(t, command)); diff != "" {
		t.Errorf("argv, want (-), got (+):\n%s", diff)
	}
}

func defaultCommand(t *testing.T) {
	wantArgv(t, mesos.CommandInfo{Shell: new(false)}, "of", "the", "image")
}

func defaultCommandOverride(t *testing.T) {
	wantArgv(t, mesos.CommandInfo{Shell: new(false), Value: new("value")}, "value")
}

func defaultCommandArguments(t *testing.T) {
	wantArgv(t, mesos.CommandInfo{Shell: new(false), Value: new("value"), Arguments: []string{"a", "b c"}}, "value", "a", "b c")
}

// wantRefused launches a task that cannot be, for a reason that stock has in these words.
func wantRefused(t *testing.T, info mesos.TaskInfo, words ...string) {
	t.Helper()
	h := newHost(t)
	d := h.dropIn(t, info)
	wantMessage(t, d.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, words...)
	d.endOnce(t, "STARTING FAILED")
	if len(h.containers(t)) != 0 {
		t.Error("there is a container")
	}
}

func commandWithoutValue(t *testing.T) {
	wantRefused(t, dockerTask(t, environment.Busybox(t), mesos.CommandInfo{}),
		"Failed to create docker run options: Shell specified but no command value provided")
}

func portResource(t *testing.T) {
	for name, begin := range map[string]uint64{"outside": 31002, "inside": 31001} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := shell(t, "true")
			bridge(&info, mapping(31001, 80, "tcp"))
			info.Resources[len(info.Resources)-1].Ranges.Range[0] = mesos.Value_Range{Begin: begin, End: 31009}
			if name == "inside" {
				newHost(t).finish(t, info)
				return
			}
			wantRefused(t, info, "Failed to create docker run options: Port [31001] not included in resources")
		})
	}
}

func conflictingVolumeDrivers(t *testing.T) {
	info := shell(t, "true")
	info.Container.Docker.VolumeDriver = new("one")
	docker := &mesos.Volume_Source_DockerVolume{Driver: new("another"), Name: "v"}
	info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME, DockerVolume: docker}, "/data")}
	wantRefused(t, info, "Failed to create docker run options: Only one volume driver per task is supported")
}

// withDevice gives a task a device of the host's under another name, to be read only. There is no driver behind it, of which who
// may open it is told.
func withDevice(t *testing.T, line string) (d *dropin, path string) {
	t.Helper()
	const experimental = 240
	path = filepath.Join(t.TempDir(), "device")
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(experimental, 7))); err != nil {
		t.Skipf("NOT TESTED, this user may not make devices: %v", err)
	}
	h := newHost(t)
	info := shell(t, line)
	parameter(&info, "device="+path+":/dev/e2e:r")
	d = h.dropIn(t, info)
	d.await(t, mesos.TASK_RUNNING)
	return d, path
}

func deviceAllow(t *testing.T) {
	d, _ := withDevice(t, `cat /dev/e2e 2>&1; (echo x >/dev/e2e) 2>&1; true`)
	d.endOnce(t, "STARTING RUNNING FINISHED")
	const want = "cat: can't open '/dev/e2e': No such device or address\n/bin/sh: can't create /dev/e2e: Operation not permitted\n"
	if got := d.read(t, "stdout"); got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
}

func inspectDevices(t *testing.T) {
	d, path := withDevice(t, "exec /bin/probe hold")
	want := []container.DeviceMapping{{PathOnHost: path, PathInContainer: "/dev/e2e", CgroupPermissions: "r"}}
	if diff := cmp.Diff(want, inspected(t, d.await(t, mesos.TASK_RUNNING)).HostConfig.Devices); diff != "" {
		t.Errorf("devices, want (-), got (+):\n%s", diff)
	}
	d.kill(t, grace)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

func portMapping(t *testing.T) {
	h := newHost(t)
	port := freePort(t)
	info := probe(t, "echo", "tcp", "7")
	bridge(&info, mapping(port, 7, "tcp"))
	d := h.dropIn(t, info)
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "echoing")
	wantEcho(t, "tcp", port)
	d.kill(t, grace)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

// In the host's network the executor has no address to tell; the agent adds its own.
func hostNetworkAddress(t *testing.T) {
	d := newHost(t).finish(t, shell(t, "true"))
	if status := d.await(t, mesos.TASK_RUNNING); status.ContainerStatus != nil {
		t.Errorf("container_status %v", status.ContainerStatus)
	}
}

func ipv6Container(t *testing.T) {
	h := newHost(t)
	name, _, join := networkOf(t, h, true)
	info := probe(t, "hold")
	join(&info)
	d := h.dropIn(t, info)
	running := d.await(t, mesos.TASK_RUNNING)
	endpoint := d.inspect(t).NetworkSettings.Networks[name]
	if endpoint == nil || endpoint.GlobalIPv6Address == "" {
		t.Fatalf("the Engine gives no IPv6 address: %+v", endpoint)
	}
	want := []mesos.NetworkInfo{{Name: &name, IPAddresses: []mesos.NetworkInfo_IPAddress{
		{IPAddress: &endpoint.IPAddress}, {IPAddress: &endpoint.GlobalIPv6Address, Protocol: mesos.IPv6.Enum()},
	}}}
	if diff := cmp.Diff(want, running.GetContainerStatus().GetNetworkInfos()); diff != "" {
		t.Errorf("networks, want (-), got (+):\n%s", diff)
	}
	d.kill(t, grace)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

// limits are those of the container of a task that asks for half a processor and 64 MiB.
func limits(t *testing.T, of map[string]float64, flags ...string) container.HostConfig {
	t.Helper()
	info := shell(t, "true")
	info.Resources = []mesos.Resource{scalar("cpus", 0.5), scalar("mem", 64)}
	for name, limit := range of {
		if info.Limits == nil {
			info.Limits = map[string]mesos.Value_Scalar{}
		}
		info.Limits[name] = mesos.Value_Scalar{Value: limit}
	}
	h := newHost(t)
	h.stopDaemon(t)
	h.daemon.CgroupsEnableCFS = true // the agent's own setting counts
	h.start(t)
	d := h.finish(t, info, func(o *dropInOptions) { o.flags = flags })
	return *inspected(t, d.await(t, mesos.TASK_RUNNING)).HostConfig
}

func wantLimits(t *testing.T, got container.HostConfig, quota, memory, reservation int64, oomScoreAdj int) {
	t.Helper()
	type limits struct {
		Shares, Quota, Memory, Reservation int64
		OOMScoreAdj                        int
	}
	want := limits{512, quota, memory, reservation, oomScoreAdj}
	if diff := cmp.Diff(want, limits{got.CPUShares, got.CPUQuota, got.Memory, got.MemoryReservation, got.OomScoreAdj}); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func cgroupsEnableCFS(t *testing.T) {
	for setting, quota := range map[string]int64{"true": 50000, "false": 0} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			wantLimits(t, limits(t, nil, "--cgroups_enable_cfs="+setting), quota, 64<<20, 0, 0)
		})
	}
}

// oomScoreAdj is what the kernel is told of a task that may use more than the 64 MiB it asked for.
func oomScoreAdj(t *testing.T) int {
	t.Helper()
	info, err := newHost(t).docker.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(1000 - 1000*(64<<20)/info.MemTotal)
}

func taskLimits(t *testing.T) {
	got := limits(t, map[string]float64{"cpus": 0.75, "mem": 128}, "--cgroups_enable_cfs=true")
	wantLimits(t, got, 75000, 128<<20, 64<<20, oomScoreAdj(t))
}

func taskInfiniteLimits(t *testing.T) {
	got := limits(t, map[string]float64{"cpus": math.Inf(1), "mem": math.Inf(1)}, "--cgroups_enable_cfs=true")
	wantLimits(t, got, 0, 0, 64<<20, oomScoreAdj(t)) // 0 is no limit
}

// The agent's default_container_dns wins over the daemon's; where the agent has none the daemon's holds.
func defaultDNS(t *testing.T) {
	h := newHost(t)
	h.stopDaemon(t)
	var err error
	if h.daemon.DefaultContainerDNS, err = agentflag.ParseDNS([]byte(`{"docker": [{"network_mode": "BRIDGE", "dns": {"nameservers": ["192.0.2.1"]}}]}`)); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	name, _, join := networkOf(t, h, false)
	_, _, joinOther := networkOf(t, h, false)
	flag := fmt.Sprintf(`--default_container_dns={"mesos":[{"network_mode":"HOST","dns":{"nameservers":["192.0.2.9"]}}],"docker":[
		{"network_mode":"BRIDGE","dns":{"nameservers":["192.0.2.2"],"search":["bridge.example"],"options":["ndots:2"]}},
		{"network_mode":"USER","dns":{"nameservers":["192.0.2.3"],"search":["user.example"],"options":["ndots:3"]}},
		{"network_mode":"USER","network_name":%q,"dns":{"nameservers":["192.0.2.4"],"search":["named.example"],"options":["ndots:4"]}}]}`, name)
	for name, test := range map[string]struct {
		join  func(*mesos.TaskInfo)
		flags []string
		want  []string
	}{
		"bridge":                 {func(i *mesos.TaskInfo) { bridge(i) }, []string{flag}, []string{"192.0.2.2", "bridge.example", "ndots:2"}},
		"user network":           {joinOther, []string{flag}, []string{"192.0.2.3", "user.example", "ndots:3"}},
		"named user network":     {join, []string{flag}, []string{"192.0.2.4", "named.example", "ndots:4"}},
		"host":                   {func(*mesos.TaskInfo) {}, []string{flag}, nil},
		"agent without the flag": {func(i *mesos.TaskInfo) { bridge(i) }, nil, []string{"192.0.2.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			info := shell(t, "true")
			test.join(&info)
			d := h.finish(t, info, func(o *dropInOptions) { o.flags = test.flags })
			found := inspected(t, d.await(t, mesos.TASK_RUNNING)).HostConfig
			if got := slices.Concat(found.DNS, found.DNSSearch, found.DNSOptions); !slices.Equal(got, test.want) {
				t.Errorf("the container has %q, want %q", got, test.want)
			}
		})
	}
}

func allocationRole(t *testing.T) {
	info := shell(t, `echo "$MESOS_ALLOCATION_ROLE"`)
	for i := range info.Resources {
		info.Resources[i].AllocationInfo = &mesos.Resource_AllocationInfo{Role: new("dev")}
	}
	if got := newHost(t).finish(t, info).read(t, "stdout"); got != "dev\n" {
		t.Errorf("stdout %q", got)
	}
}

// A sandbox whose path has a colon is known by a link without one. Both sides see the same files.
func sandboxWithColon(t *testing.T) {
	h := newHost(t)
	slave := filepath.Join(h.work, "slaves", "agent-S0")
	d := h.finish(t, shell(t, `echo of the task >"$MESOS_SANDBOX/file"; echo said`), func(o *dropInOptions) {
		o.directory = filepath.Join(slave, "frameworks", "f", "executors", "a:b:c", "runs", "1")
		o.link = filepath.Join(slave, "docker", "links", "1")
	})
	if got := d.read(t, "file") + d.read(t, "stdout"); got != "of the task\nsaid\n" {
		t.Errorf("the sandbox has %q", got)
	}
}

// What the agent has made the task's user's stays so.
func sandboxOfUser(t *testing.T) {
	const user = 1000
	info := shell(t, `echo said; echo of the task >"$MESOS_SANDBOX/file"`)
	info.Command.User = new("app")
	d := newHost(t).finish(t, info, func(o *dropInOptions) {
		o.prepare = func(sandbox string) {
			for _, name := range []string{".", "stdout", "stderr"} {
				if err := os.Chown(filepath.Join(sandbox, name), user, user); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	for _, name := range []string{".", "stdout", "stderr"} {
		status, err := os.Stat(filepath.Join(d.sandbox, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := status.Sys().(*syscall.Stat_t).Uid; owner != user {
			t.Errorf("%s belongs to user %d", name, owner)
		}
	}
	if got := d.read(t, "stdout") + d.read(t, "file"); got != "said\nof the task\n" {
		t.Errorf("the sandbox has %q", got)
	}
}

// withVolume has the agent mount a persistent volume into the sandbox of a task, which shows what is in it, adds to it when it
// gets a file and then ends.
func withVolume(t *testing.T, h *host) (d *dropin, volume string) {
	t.Helper()
	volume = directory(t, "volume")
	info := shell(t, `cd "$MESOS_SANDBOX"; cat data/file; until [ -e go-on ]; do sleep 0.05; done; echo of the task >data/new`)
	info.Resources = append(info.Resources, mesos.Resource{
		Name: "disk", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 8},
		Disk: &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "e2e"},
			Volume:      &mesos.Volume{ContainerPath: "data", Mode: mesos.RW.Enum()},
		},
	})
	d = h.dropIn(t, info, func(o *dropInOptions) {
		o.prepare = func(sandbox string) {
			target := filepath.Join(sandbox, "data")
			if err := os.Mkdir(target, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount(volume, target, "", unix.MS_BIND, ""); err != nil {
				t.Skipf("NOT TESTED, this user may not mount: %v", err)
			}
			t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
		}
	})
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "of the host\n")
	return d, volume
}

// endWithVolume sees the task to its end, after which the agent can unmount the volume, which has kept what was written.
func (d *dropin) endWithVolume(t *testing.T, volume string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.sandbox, "go-on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.end(t, "STARTING RUNNING FINISHED")
	if err := unix.Unmount(filepath.Join(d.sandbox, "data"), 0); err != nil { // not busy
		t.Errorf("unmount: %v", err)
	}
	if got := read(t, volume, "new"); got != "of the task\n" {
		t.Errorf("the volume has %q", got)
	}
}

func persistentVolumes(t *testing.T) {
	d, volume := withVolume(t, newHost(t))
	d.endWithVolume(t, volume)
}

func recoverPersistentVolumes(t *testing.T) {
	h := newHost(t)
	d, volume := withVolume(t, h)
	d.die()
	h.stopDaemon(t)
	h.start(t)
	d.recover(t, true)
	d.endWithVolume(t, volume)
}

// A hook's variables win over the task's of the same name and reach the container.
func taskEnvironmentOfHook(t *testing.T) {
	info := shell(t, `echo "$FOO-$BAR-$OWN"`)
	info.Command.Environment = variables("FOO=task", "OWN=kept")
	d := newHost(t).finish(t, info, func(o *dropInOptions) { o.flags = []string{`--task_environment={"FOO":"hook","BAR":"too"}`} })
	if got := d.read(t, "stdout"); got != "hook-too-kept\n" {
		t.Errorf("stdout %q", got)
	}
}

// The container sees a file that a hook has put into the sandbox.
func fileOfHook(t *testing.T) {
	d := newHost(t).finish(t, shell(t, `cat "$MESOS_SANDBOX/hooked"`), func(o *dropInOptions) {
		o.prepare = func(sandbox string) {
			if err := os.WriteFile(filepath.Join(sandbox, "hooked"), []byte("of the hook\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got := d.read(t, "stdout"); got != "of the hook\n" {
		t.Errorf("stdout %q", got)
	}
}
