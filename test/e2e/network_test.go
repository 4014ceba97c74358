package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/report"
	"mesos-docker-containerizer/test/fakeengine"
)

// addresses are those of a status, over all its networks.
func addresses(status mesos.TaskStatus) []string {
	var all []string
	for _, n := range status.GetContainerStatus().GetNetworkInfos() {
		for _, a := range n.IPAddresses {
			all = append(all, a.GetIPAddress())
		}
	}
	return all
}

// wantOwnAddress checks that the status has exactly one address and that it is one of the container's interfaces'.
func wantOwnAddress(t *testing.T, running mesos.TaskStatus, seen report.Report) (address string) {
	t.Helper()
	all := addresses(running)
	if len(all) != 1 {
		t.Fatalf("addresses in the status: %v", all)
	}
	for name, own := range seen.Interfaces {
		for _, cidr := range own {
			if ip, _, _ := strings.Cut(cidr, "/"); ip == all[0] && name != "lo" {
				return all[0]
			}
		}
	}
	t.Errorf("the status has address %s, the container %v", all[0], seen.Interfaces)
	return all[0]
}

// reportAndHold is for tests that look at the container while it runs: one that has ended has no address any more.
const reportAndHold = `/bin/probe report; exec /bin/probe hold >/dev/null`

// reportAlive returns the report of a task that goes on, and what was said of it while it ran, and kills it.
func (h *host) reportAlive(t *testing.T, info mesos.TaskInfo) (report.Report, mesos.TaskStatus) {
	t.Helper()
	k := h.launch(t, info)
	running := k.await(t, mesos.TASK_RUNNING)
	k.awaitOutput(t, "}\n") // the end of the report
	k.kill(t)
	return k.reported(t), running
}

// fetch gets a page, anew each time.
func fetch(t *testing.T, url string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", url, response.Status, err)
	}
	return string(body)
}

// wantEcho sends a text and wants it back. Datagrams are sent again until one comes back.
func wantEcho(t *testing.T, protocol string, port uint32) {
	t.Helper()
	const text = "there and back"
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for began := time.Now(); time.Since(began) < patience; {
		conn, err := net.Dial(protocol, address)
		if err != nil {
			t.Errorf("%s: %v", protocol, err)
			return
		}
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		got := make([]byte, len(text))
		_, err = io.WriteString(conn, text)
		if err == nil {
			_, err = io.ReadFull(conn, got)
		}
		conn.Close()
		if err == nil && string(got) == text {
			return
		}
		if protocol == "tcp" {
			t.Errorf("%s %s: %q, %v", protocol, address, got, err)
			return
		}
	}
	t.Errorf("%s %s does not answer", protocol, address)
}

func TestHostNetwork(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k, _ := h.run(t, shell(t, "readlink /proc/self/ns/net"))
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(k.output(t, "stdout")); got != own {
		t.Errorf("the container is in network namespace %s, the host in %s", got, own)
	}
	// The container has no address of its own; the agent says where it is itself.
	running := k.await(t, mesos.TASK_RUNNING)
	if got := addresses(running); !slices.Equal(got, []string{"127.0.0.1"}) {
		t.Errorf("addresses in the status: %v, want the agent's", got)
	}
	if mode := inspected(t, running).HostConfig.NetworkMode; mode != "host" {
		t.Errorf("network mode %s", mode)
	}
}

func TestNoNetwork(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := probe(t, "report")
	info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_NONE.Enum()
	seen, running := h.report(t, info)
	for name, own := range seen.Interfaces {
		if name != "lo" && len(own) > 0 {
			t.Errorf("interface %s has addresses %v", name, own)
		}
	}
	if _, ok := seen.Interfaces["lo"]; !ok {
		t.Errorf("interfaces %v", seen.Interfaces)
	}
	if got := addresses(running); !slices.Equal(got, []string{"127.0.0.1"}) {
		t.Errorf("addresses in the status: %v, want the agent's", got)
	}
}

func TestBridgeNetwork(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		info := probe(t, "http", "-directory", "/etc", "8080")
		bridge(&info, mapping(port, 8080, "tcp"))
		k := h.launch(t, info)
		running := k.await(t, mesos.TASK_RUNNING)
		k.awaitOutput(t, "Serving HTTP")
		if page := fetch(t, fmt.Sprintf("http://127.0.0.1:%d/passwd", port)); !strings.Contains(page, "app") {
			t.Errorf("page: %q", page)
		}
		own := addresses(running)
		if len(own) != 1 || own[0] == "127.0.0.1" {
			t.Fatalf("addresses in the status: %v, want the container's own", own)
		}
		if page := fetch(t, fmt.Sprintf("http://%s:8080/passwd", own[0])); !strings.Contains(page, "app") {
			t.Errorf("page at the address in the status: %q", page)
		}
		k.kill(t)
		k.wantStates(t, "STARTING RUNNING KILLING KILLED")
	})
	t.Run("address", func(t *testing.T) {
		t.Parallel()
		info := shell(t, reportAndHold)
		bridge(&info)
		seen, running := h.reportAlive(t, info)
		wantOwnAddress(t, running, seen)
	})
	t.Run("one port for tcp and udp", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		info := probe(t, "echo", "tcp,udp", "7")
		bridge(&info, mapping(port, 7, "tcp"), mapping(port, 7, "udp"))
		k := h.launch(t, info)
		k.awaitOutput(t, "echoing on udp")
		wantEcho(t, "tcp", port)
		wantEcho(t, "udp", port)
		k.kill(t)
	})
	t.Run("the same port inside and outside, no protocol, upper case", func(t *testing.T) {
		t.Parallel()
		tcp, udp := freePort(t), freePort(t)
		info := shell(t, fmt.Sprintf("/bin/probe echo udp %d & exec /bin/probe echo tcp %d", udp, tcp))
		bridge(&info, mapping(tcp, tcp, ""), mapping(udp, udp, "UDP"))
		k := h.launch(t, info)
		k.awaitOutput(t, "echoing on udp")
		k.awaitOutput(t, "echoing on tcp")
		wantEcho(t, "tcp", tcp)
		wantEcho(t, "udp", udp)
		k.kill(t)
	})
}

// network makes a network that is there until the test ends.
func (h *host) network(t *testing.T, name string) {
	t.Helper()
	if _, err := h.docker.NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.docker.NetworkRemove(context.WithoutCancel(t.Context()), name); err != nil {
			t.Errorf("remove network: %v", err)
		}
	})
}

func TestUserNetwork(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := fmt.Sprintf("e2e-%d", time.Now().UnixNano())
	h.network(t, name)
	inNetwork := func(info *mesos.TaskInfo, name string) {
		info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_USER.Enum()
		info.Container.NetworkInfos = []mesos.NetworkInfo{{Name: &name, Groups: []string{"kept"}}}
	}
	t.Run("address", func(t *testing.T) {
		info := shell(t, reportAndHold)
		inNetwork(&info, name)
		seen, running := h.reportAlive(t, info)
		address := wantOwnAddress(t, running, seen)
		endpoint := inspected(t, running).NetworkSettings.Networks[name]
		if endpoint == nil || endpoint.IPAddress != address {
			t.Errorf("status %s, inspect %+v", address, endpoint)
		}
		infos := running.GetContainerStatus().GetNetworkInfos()
		if infos[0].GetName() != name || !slices.Equal(infos[0].Groups, []string{"kept"}) {
			t.Errorf("network in the status: %+v", infos[0])
		}
	})
	t.Run("port", func(t *testing.T) {
		port := freePort(t)
		info := probe(t, "echo", "tcp", "7")
		inNetwork(&info, name)
		publish(&info, mapping(port, 7, "tcp"))
		k := h.launch(t, info)
		k.awaitOutput(t, "echoing")
		wantEcho(t, "tcp", port)
		k.kill(t)
	})
	t.Run("missing", func(t *testing.T) {
		info := probe(t, "report")
		inNetwork(&info, name+"-missing")
		k, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, "Failed to run docker container", name+"-missing", "not found")
		k.wantStates(t, "STARTING FAILED")
	})
}

func TestPortsThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	t.Run("not in resources", func(t *testing.T) {
		t.Parallel()
		info := probe(t, "hold")
		bridge(&info, mapping(31001, 80, "tcp"))
		info.Resources[len(info.Resources)-1].Ranges.Range[0] = mesos.Value_Range{Begin: 31002, End: 31009}
		_, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, "Failed to create docker run options: Port [31001] not included in resources")
	})
	t.Run("taken", func(t *testing.T) {
		t.Parallel()
		taken, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		port := taken.Addr().(*net.TCPAddr).Port
		info := probe(t, "hold")
		bridge(&info, mapping(uint32(port), 80, "tcp"))
		k, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, "Failed to run docker container", fmt.Sprint(port))
		if status.GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED {
			t.Errorf("reason %s", status.GetReason())
		}
		k.wantStates(t, "STARTING FAILED")
	})
	t.Run("taken by another task", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		first := probe(t, "echo", "tcp", "7")
		bridge(&first, mapping(port, 7, "tcp"))
		k := h.launch(t, first)
		k.awaitOutput(t, "echoing")
		second := probe(t, "echo", "tcp", "7")
		bridge(&second, mapping(port, 7, "tcp"))
		_, status := h.run(t, second)
		wantMessage(t, status, mesos.TASK_FAILED, fmt.Sprint(port))
		wantEcho(t, "tcp", port)
		k.kill(t)
	})
	t.Run("host network", func(t *testing.T) {
		t.Parallel()
		info := probe(t, "hold")
		publish(&info, mapping(31001, 80, "tcp"))
		_, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, "Port mappings are only supported for bridge and user-defined networks")
	})
}

// The container has ended when the Engine first tells of it, and an ended container has no address. The host's is not given for it.
func TestAddressOfAContainerThatWasSeenTooLate(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	engine := h.behindProxy(t, func(p *fakeengine.Proxy) { p.Fault(fakeengine.Hang, http.MethodGet, `/containers/[^/]+/json`, 1000) })
	info := shell(t, ":")
	bridge(&info)
	k := h.launch(t, info)
	environment.Eventually(t, patience, "the end of the container", func() bool {
		for _, c := range h.containers(t) {
			return c.State == "exited"
		}
		return false
	})
	engine.Release()
	for _, state := range []mesos.TaskState{mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_FINISHED} {
		if got := addresses(k.await(t, state)); len(got) > 0 {
			t.Errorf("%v has addresses %v, want none", state, got)
		}
	}
}
