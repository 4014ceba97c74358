package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/config/marathon"
	"mesos-docker-containerizer/test/environment/testimage"
)

// TestMarathon runs the worked examples of Marathon apps as far as one host can, with images of ours under the names they use.
func TestMarathon(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]func(*testing.T, *host){
		"host volumes":        marathonHostVolumes,
		"bridge":              marathonBridge,
		"force pull":          marathonForcePull,
		"arguments":           marathonArguments,
		"parameters":          marathonParameters,
		"private registry":    marathonPrivateRegistry,
		"container port zero": marathonContainerPortZero,
		"user network":        marathonUserNetwork,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

// A server stands in for what the apps serve with, a program for what they run. They are tagged right before use, by all tests
// alike.
var (
	server = testimage.Spec{
		Cmd:   []string{"/bin/probe", "http", "80"},
		Files: map[string]testimage.File{"/usr/bin/python3": {Link: "/bin/probe"}},
	}
	reporter = testimage.Spec{Entrypoint: []string{"/bin/probe", "report"}}
)

// app builds the task of an example app as Marathon would, with dynamic ports that are free.
func app(t *testing.T, name string) mesos.TaskInfo {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../config/marathon/testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var example struct {
		App json.RawMessage `json:"app"`
	}
	if err := json.Unmarshal(content, &example); err != nil {
		t.Fatal(err)
	}
	apps, err := marathon.Parse(example.App)
	if err != nil || len(apps) != 1 {
		t.Fatalf("%d apps, %v", len(apps), err)
	}
	ports, err := marathon.NewPorts(fmt.Sprintf("%d,%d,8000,2379-2380", freePort(t), freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := marathon.AssignServicePorts(&apps[0]); err != nil {
		t.Fatal(err)
	}
	info, err := marathon.Build(apps[0], marathon.Offer{
		AgentID: "agent", Hostname: "agent1.example", Ports: onlyFree{ports},
		InstanceUUID: fmt.Sprintf("e2e-%d", time.Now().UnixNano()), Version: time.Unix(1627418433, 0).UTC(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if info.KillPolicy == nil {
		info.KillPolicy = policy(grace)
	}
	return info
}

// onlyFree gives tasks no port of the list that is there for apps which ask for it by number.
type onlyFree struct{ *marathon.Ports }

func (p onlyFree) Draw(wishes []uint32) ([]uint32, error) {
	dynamic := 0
	for _, w := range wishes {
		if w == 0 {
			dynamic++
		}
	}
	if dynamic == 0 {
		return p.Ports.Draw(wishes)
	}
	kept, err := p.Ports.Draw([]uint32{2379, 2380, 8000})
	if err != nil {
		return nil, err
	}
	defer p.Ports.Release(kept...)
	return p.Ports.Draw(wishes)
}

// wantVariable compares one variable that Marathon has set.
func wantVariable(t *testing.T, lookup func(string) (string, bool), name, want string) {
	t.Helper()
	if got, _ := lookup(name); got != want {
		t.Errorf("%s=%q, want %q", name, got, want)
	}
}

func marathonHostVolumes(t *testing.T, h *host) {
	h.tag(t, "group/image", testimage.Spec{Entrypoint: []string{"/bin/probe", "report", "/etc/a", "/etc/b"}})
	for _, path := range []string{"/var/data", "/var/data/a", "/var/data/b"} {
		if _, err := os.Stat(path); os.IsNotExist(err) {
			t.Cleanup(func() { os.Remove(path) }) // the Engine makes it
		}
	}
	info := app(t, "01-host-volumes")
	seen, running := h.report(t, info)
	if a := seen.Files["/etc/a"]; a.Writable || a.Error != "" {
		t.Errorf("/etc/a: %+v", a)
	}
	if b := seen.Files["/etc/b"]; !b.Writable || b.Error != "" {
		t.Errorf("/etc/b: %+v", b)
	}
	wantVariable(t, seen.Getenv, "MARATHON_APP_ID", "/group-image")
	wantVariable(t, seen.Getenv, "MESOS_TASK_ID", info.TaskID.Value)
	if got := inspected(t, running).Config.Labels["MESOS_TASK_ID"]; got != info.TaskID.Value {
		t.Errorf("label MESOS_TASK_ID=%q", got)
	}
}

// wantPage fetches a directory listing through a task's host port.
func (k *task) wantPage(t *testing.T) {
	t.Helper()
	k.await(t, mesos.TASK_RUNNING)
	k.awaitOutput(t, "Serving HTTP")
	if page := fetch(t, fmt.Sprintf("http://127.0.0.1:%d/", k.Info.Container.Docker.PortMappings[0].HostPort)); !strings.Contains(page, "<pre>") {
		t.Errorf("page: %.200q", page)
	}
}

func marathonBridge(t *testing.T, h *host) {
	h.tag(t, "python:3", server)
	t.Run("dynamic ports", func(t *testing.T) {
		k := h.launch(t, app(t, "02-bridge-dynamic"))
		k.wantPage(t)
		found := inspected(t, k.await(t, mesos.TASK_RUNNING))
		if bound := found.NetworkSettings.Ports["161/udp"]; len(bound) == 0 || bound[0].HostPort != fmt.Sprint(k.Info.Container.Docker.PortMappings[1].HostPort) {
			t.Errorf("161/udp is at %+v", bound)
		}
		k.kill(t)
	})
	t.Run("static port", func(t *testing.T) {
		if !isFree(8000) {
			t.Skip("NOT TESTED: port 8000 of this host is in use")
		}
		k := h.launch(t, app(t, "03-bridge-static-mesos-http"))
		k.wantPage(t)
		k.kill(t)
	})
	t.Run("custom executor", func(t *testing.T) {
		info := app(t, "10-path-executor")
		if info.Executor == nil || info.Command != nil || info.Container != nil {
			t.Fatalf("the task is not a custom executor's: %+v", info)
		}
		// Marathon has no place for a container of the task itself, so with its executor this one has nothing to run.
		_, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, "the task has no container")
	})
}

func marathonForcePull(t *testing.T, h *host) {
	h.tag(t, "group/image", testimage.Spec{Entrypoint: []string{"/bin/probe", "report", "/etc/a", "/etc/b"}})
	_, status := h.run(t, app(t, "04-force-pull"))
	wantMessage(t, status, mesos.TASK_FAILED, "group/image") // there is no such image in any registry
}

func marathonArguments(t *testing.T, h *host) {
	h.tag(t, "mesosphere/inky", reporter)
	h.tag(t, "quay.io/coreos/etcd", reporter)
	for name, want := range map[string]string{
		"05-inky-args": "hello", "06-args-list": "--name etcd0 --initial-cluster-state new",
	} {
		t.Run(name, func(t *testing.T) {
			seen, _ := h.report(t, app(t, name))
			if got := strings.Join(seen.Argv, " "); got != "/bin/probe report "+want {
				t.Errorf("argv %s", got)
			}
			if name == "06-args-list" {
				wantVariable(t, seen.Getenv, "PORTS", "2379,2380")
			}
		})
	}
}

func marathonParameters(t *testing.T, h *host) {
	h.tag(t, "mesosphere/inky", reporter)
	info := app(t, "07-privileged-parameters")
	without := func(key string) {
		var kept []mesos.Parameter
		for _, p := range info.Container.Docker.Parameters {
			if p.Key != key {
				kept = append(kept, p)
			}
		}
		info.Container.Docker.Parameters = kept
	}
	_, status := h.run(t, info)
	wantMessage(t, status, mesos.TASK_FAILED, "unknown flag: --lxc-conf")
	without("lxc-conf") // nobody's Engine has it any more
	info.TaskID.Value += ".2"
	_, status = h.run(t, info)
	wantMessage(t, status, mesos.TASK_FAILED, "another-container")
	without("volumes-from")
	info.Container.Docker.Privileged = nil // not every Engine can
	info.TaskID.Value += ".3"
	seen, _ := h.report(t, info)
	if seen.Hostname != "a.corp.org" || seen.Argv[2] != "hello" {
		t.Errorf("hostname %s, argv %q", seen.Hostname, seen.Argv)
	}
}

// The archive with the registry's credentials is on no test machine; the agent would fetch it.
func marathonPrivateRegistry(t *testing.T, h *host) {
	h.tag(t, "some.docker.host.com/namespace/repo:1.2", server)
	info := app(t, "08-private-registry")
	if len(info.Command.URIs) != 1 {
		t.Fatalf("URIs %v", info.Command.URIs)
	}
	missing := info
	missing.TaskID.Value += ".missing"
	failed := h.launch(t, missing)
	if status, err := failed.Wait(patiently(t)); err != nil || status.GetState() != mesos.TASK_FAILED || !strings.Contains(status.GetMessage(), "docker.tar.gz") {
		t.Errorf("without the archive: %s (%s), %v", status.GetState(), status.GetMessage(), err)
	}
	command := *info.Command
	command.URIs = nil
	info.Command = &command
	k := h.launch(t, info)
	k.wantPage(t)
	k.kill(t)
}

func marathonContainerPortZero(t *testing.T, h *host) {
	// The app is told its port, which is the same inside, in PORT0.
	h.tag(t, "registry/p2p:1", testimage.Spec{Entrypoint: []string{"/bin/sh", "-c", `exec /bin/probe echo tcp,udp "$PORT0"`}})
	k := h.launch(t, app(t, "09-containerport-zero-udp-tcp"))
	k.awaitOutput(t, "echoing on udp")
	for _, m := range k.Info.Container.Docker.PortMappings {
		if m.ContainerPort != m.HostPort || m.HostPort == 0 {
			t.Errorf("mapping %+v", m)
		}
		wantEcho(t, m.GetProtocol(), m.HostPort)
	}
	k.kill(t)
}

func marathonUserNetwork(t *testing.T, h *host) {
	h.tag(t, "nginx:1", server)
	_, status := h.run(t, app(t, "11-user-network"))
	if _, err := h.docker.NetworkInspect(t.Context(), "frontend", network.InspectOptions{}); err == nil {
		t.Skip("NOT TESTED: this Engine has a network frontend that is not a test's")
	}
	wantMessage(t, status, mesos.TASK_FAILED, "frontend", "not found")

	h.network(t, "frontend")
	k := h.launch(t, app(t, "11-user-network"))
	running := k.await(t, mesos.TASK_RUNNING)
	k.awaitOutput(t, "Serving HTTP")
	own := addresses(running)
	if len(own) != 1 || running.GetContainerStatus().GetNetworkInfos()[0].GetName() != "frontend" {
		t.Fatalf("container status %+v", running.GetContainerStatus())
	}
	if page := fetch(t, "http://"+own[0]+":80/"); !strings.Contains(page, "<pre>") {
		t.Errorf("page: %.200q", page)
	}
	k.kill(t)
}
