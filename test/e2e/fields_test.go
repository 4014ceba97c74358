package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/test/dockerregistry"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// Fields of ContainerInfo that stock passes over, by what the process in the container finds.
func TestLimitsCapabilitiesAndHostname(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := probe(t, "report")
	bridge(&info)
	info.Container.Hostname = new("web-1.example")
	info.Container.RlimitInfo = &mesos.RLimitInfo{Rlimits: []mesos.RLimitInfo_RLimit{
		{Type: mesos.RLimitInfo_RLimit_RLMT_MSGQUEUE, Soft: new(uint64(111)), Hard: new(uint64(222))},
		{Type: mesos.RLimitInfo_RLimit_RLMT_CORE},
	}}
	info.Container.LinuxInfo = &mesos.LinuxInfo{EffectiveCapabilities: &mesos.CapabilityInfo{
		Capabilities: []mesos.CapabilityInfo_Capability{mesos.CapabilityInfo_KILL, mesos.CapabilityInfo_NET_BIND_SERVICE},
	}}
	seen, _ := h.report(t, info)
	if seen.Hostname != "web-1.example" {
		t.Errorf("host name %q", seen.Hostname)
	}
	if limit := seen.Limits["Max msgqueue size"]; limit.Soft != "111" || limit.Hard != "222" {
		t.Errorf("message queues: %+v", limit)
	}
	if limit := seen.Limits["Max core file size"]; limit.Soft != "unlimited" || limit.Hard != "unlimited" {
		t.Errorf("core files: %+v", limit)
	}
	if effective := seen.Status["CapEff"]; effective != fmt.Sprintf("%016x", 1<<5|1<<10) {
		t.Errorf("effective capabilities %s", effective)
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := shell(t, `test -t 1 && stty size 2>&1; printf 'out\n'; printf 'err\n' >&2`)
	info.Container.TTYInfo = &mesos.TTYInfo{WindowSize: &mesos.TTYInfo_WindowSize{Rows: 33, Columns: 77}}
	k := h.launch(t, info)
	k.finish(t)
	got := k.output(t, "stdout")
	if !strings.HasSuffix(got, "out\r\nerr\r\n") {
		t.Errorf("a terminal has one stream, and its own ends of lines: %q", got)
	}
	found := inspected(t, k.await(t, mesos.TASK_RUNNING))
	if !found.Config.Tty || found.HostConfig.ConsoleSize != [2]uint{33, 77} {
		t.Errorf("terminal %v of size %v", found.Config.Tty, found.HostConfig.ConsoleSize)
	}
}

// CommandInfo.user counts where the admin says so.
func TestCommandUser(t *testing.T) {
	t.Parallel()
	image := environment.Image(t, testimage.Spec{Entrypoint: []string{"/bin/probe", "report"}})
	for _, honoured := range []bool{false, true} {
		t.Run(fmt.Sprint(honoured), func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.stopDaemon(t)
			h.daemon.HonorCommandUser = honoured
			h.start(t)
			seen, _ := h.report(t, dockerTask(t, image, mesos.CommandInfo{Shell: new(false), User: new("1000:1000")}))
			if want := map[bool]int{true: 1000}[honoured]; seen.UID != want || seen.GID != want {
				t.Errorf("the container runs as %d:%d, want %d", seen.UID, seen.GID, want)
			}
		})
	}
}

// The parameter chooses the image that is pulled; one that the registry does not have ends the task in words.
func TestPlatform(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	reference := dockerregistry.New(t, dockerregistry.Options{}).Address + "/" + strings.ToLower(t.Name()) + ":1"
	h.push(t, reference, "native")
	info := ofImage(t, reference, false)
	own, err := h.docker.ServerVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parameter(&info, "platform=linux/"+own.Arch)
	h.untag(t, reference)
	k := h.launch(t, info)
	k.finish(t)
	if got := k.output(t, "stdout"); got != "native\n" {
		t.Errorf("stdout %q", got)
	}

	info = ofImage(t, reference, false)
	parameter(&info, "platform=linux/s390x")
	_, status := h.run(t, info)
	wantMessage(t, status, mesos.TASK_FAILED, reference, "linux/s390x")
}

// The agent's default_container_dns reaches containers on the networks it names, unless a parameter says otherwise.
func TestDefaultDNS(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.stopDaemon(t)
	var err error
	h.daemon.DefaultContainerDNS, err = agentflag.ParseDNS([]byte(`{"docker": [{"network_mode": "BRIDGE",
		"dns": {"nameservers": ["192.0.2.53"], "search": ["corp.example"], "options": ["ndots:3"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	h.start(t)
	for name, test := range map[string]struct {
		change func(*mesos.TaskInfo)
		want   bool
	}{
		"bridge":       {func(i *mesos.TaskInfo) { bridge(i) }, true},
		"host":         {func(*mesos.TaskInfo) {}, false},
		"by parameter": {func(i *mesos.TaskInfo) { bridge(i); parameter(i, "dns=192.0.2.54") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := shell(t, "cat /etc/resolv.conf")
			test.change(&info)
			k := h.launch(t, info)
			k.finish(t)
			got := k.output(t, "stdout")
			for _, line := range []string{"nameserver 192.0.2.53\n", "search corp.example\n", "options ndots:3\n"} {
				if strings.Contains(got, line) != test.want {
					t.Errorf("resolv.conf is %q", got)
				}
			}
			if name == "by parameter" && !strings.Contains(got, "nameserver 192.0.2.54\n") {
				t.Errorf("resolv.conf is %q", got)
			}
		})
	}
}

// networkOf makes a user network with subnets of its own, an IPv4 and if wanted an IPv6 one, and puts tasks into it.
func networkOf(t *testing.T, h *host, ipv6 bool) (name string, subnet netip.Prefix, join func(*mesos.TaskInfo)) {
	t.Helper()
	for range 20 {
		a, b := rand.IntN(256), rand.IntN(240)
		subnet = netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/24", a, b))
		name = fmt.Sprintf("e2e-subnet-%d-%d", a, b)
		options := network.CreateOptions{Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet.String()}}}}
		if ipv6 {
			options.EnableIPv6 = &ipv6
			options.IPAM.Config = append(options.IPAM.Config, network.IPAMConfig{Subnet: fmt.Sprintf("fd00:e2e:%x:%x::/64", a, b)})
		}
		if _, err := h.docker.NetworkCreate(t.Context(), name, options); err != nil {
			t.Logf("network %s: %v", name, err) // the addresses may be in use
			continue
		}
		t.Cleanup(func() {
			if err := h.docker.NetworkRemove(context.WithoutCancel(t.Context()), name); err != nil {
				t.Errorf("remove network: %v", err)
			}
		})
		return name, subnet, func(info *mesos.TaskInfo) {
			info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_USER.Enum()
			info.Container.NetworkInfos = []mesos.NetworkInfo{{Name: &name}}
		}
	}
	t.Fatal("no user network can be made")
	return
}

func TestIPv6Network(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name, _, join := networkOf(t, h, true)
	info := shell(t, reportAndHold)
	join(&info)
	seen, running := h.reportAlive(t, info)
	endpoint := inspected(t, running).NetworkSettings.Networks[name]
	if endpoint == nil || endpoint.GlobalIPv6Address == "" {
		t.Fatalf("the Engine gives no IPv6 address: %+v", endpoint)
	}
	if got := addresses(running); !slices.Equal(got, []string{endpoint.IPAddress, endpoint.GlobalIPv6Address}) {
		t.Errorf("addresses in the status %v, want the Engine's %s and %s", got, endpoint.IPAddress, endpoint.GlobalIPv6Address)
	}
	for _, n := range running.GetContainerStatus().GetNetworkInfos() {
		for _, a := range n.IPAddresses {
			if isIPv6 := netip.MustParseAddr(a.GetIPAddress()).Is6(); isIPv6 != (a.GetProtocol() == mesos.IPv6) {
				t.Errorf("%s is said to be %s", a.GetIPAddress(), a.GetProtocol())
			}
		}
	}
	if own := seen.Interfaces["eth0"]; !slices.ContainsFunc(own, func(cidr string) bool { return strings.HasPrefix(cidr, endpoint.GlobalIPv6Address+"/") }) {
		t.Errorf("the container has %v", own)
	}
}

func TestStaticAddress(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	_, subnet, join := networkOf(t, h, false)
	want := subnet.Addr().Next().Next().Next().String() // behind the gateway's
	info := shell(t, reportAndHold)
	join(&info)
	parameter(&info, "ip="+want)
	seen, running := h.reportAlive(t, info)
	if got := wantOwnAddress(t, running, seen); got != want {
		t.Errorf("the container has address %s, want %s", got, want)
	}
}

func TestSeveralNetworks(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := shell(t, "true")
	info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_USER.Enum()
	info.Container.NetworkInfos = []mesos.NetworkInfo{{Name: new("one")}, {Name: new("two")}}
	k, status := h.run(t, info)
	wantMessage(t, status, mesos.TASK_FAILED, "Failed to create docker run options: Only a single network can be defined in Docker run")
	k.wantStates(t, "STARTING FAILED")
}

// Without GPUs, which hosts of tests do not have, a task that wants some is refused before anything is created.
func TestGPUsWithoutAny(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := shell(t, "true")
	info.Resources = append(info.Resources, scalar("gpus", 1))
	_, status := h.run(t, info)
	wantMessage(t, status, mesos.TASK_FAILED, "GPUs cannot be had: this host has none")
}
