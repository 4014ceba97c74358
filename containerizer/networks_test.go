package containerizer

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/cni"
	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/policylist"
	"mesos-docker-containerizer/test/environment"
)

// cniHost is a host with networks of the reference plugins: blue, a bridge with both kinds of addresses and host ports, and red, in
// the older form of a file, with one address to give away.
type cniHost struct {
	*host
	configurations, data string
}

func newCNIHost(t *testing.T) *cniHost {
	t.Helper()
	plugins := environment.CNIPlugins(t)
	c := &cniHost{configurations: t.TempDir(), data: t.TempDir()}
	c.host = newHost(t, func(o *Options) {
		o.StateDirectory, o.CNIConfigurations, o.CNIPlugins = t.TempDir(), []string{c.configurations}, []string{t.TempDir(), plugins}
	})
	bridge := fmt.Sprintf("cni%d", os.Getpid())
	t.Cleanup(func() { exec.Command("busybox", "ip", "link", "delete", bridge).Run() })
	c.define("10-blue.conflist", `{"cniVersion": "0.4.0", "name": "blue", "plugins": [
		{"type": "bridge", "bridge": "`+bridge+`", "isGateway": true, "ipam": {"type": "host-local", "dataDir": "`+c.data+`",
			"ranges": [[{"subnet": "10.123.77.0/24"}], [{"subnet": "fd77::/64"}]], "routes": [{"dst": "0.0.0.0/0"}]},
			"dns": {"nameservers": ["10.123.77.1"], "search": ["blue.example"]}},
		{"type": "portmap", "capabilities": {"portMappings": true}}]}`)
	c.define("20-red.conf", `{"cniVersion": "0.3.1", "name": "red", "type": "ptp", "ipam": {"type": "host-local", "dataDir": "`+c.data+`",
		"ranges": [[{"subnet": "10.123.78.0/30"}]]}}`)
	c.define("30-junk", "{")
	return c
}

func (c *cniHost) define(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.configurations, name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// held are the addresses that are given away.
func (c *cniHost) held() []string {
	held, _ := filepath.Glob(filepath.Join(c.data, "*", "*[.:]*[.:]*"))
	for i := range held {
		held[i] = filepath.Base(held[i])
	}
	return held
}

// nothingLeft waits until nothing of CNI is left on the host.
func (c *cniHost) nothingLeft() {
	c.t.Helper()
	c.awaitNoContainers()
	environment.Eventually(c.t, patience, "the addresses to be given back", func() bool { return len(c.held()) == 0 })
	environment.Eventually(c.t, patience, "the record to be removed", func() bool {
		attached, _ := filepath.Glob(filepath.Join(c.options.StateDirectory, "cni", "attached", "*"))
		cached, _ := filepath.Glob(filepath.Join(c.options.StateDirectory, "cni", "libcni", "results", "*"))
		return len(attached)+len(cached) == 0
	})
}

// cniTask is a task on networks.
func cniTask(t *testing.T, line string, networks ...string) mesos.TaskInfo {
	t.Helper()
	task := dockerTask(t, environment.Busybox(t), line)
	task.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_USER.Enum()
	for _, name := range networks {
		task.Container.NetworkInfos = append(task.Container.NetworkInfos, mesos.NetworkInfo{Name: &name})
	}
	return task
}

func ports(task *mesos.TaskInfo, host, inside uint32) {
	task.Container.Docker.PortMappings = []mesos.ContainerInfo_DockerInfo_PortMapping{{HostPort: host, ContainerPort: inside}}
	task.Resources = append(task.Resources, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(),
		Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 31000, End: 32000}}}})
}

// answerAt reads what a program says at a host port, from the host. A program in a container listens a moment after its start.
func answerAt(t *testing.T, port int) (text string) {
	t.Helper()
	environment.Eventually(t, patience, "an answer at the host port", func() bool {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Second))
		said, _ := io.ReadAll(c)
		text = string(said)
		return text != ""
	})
	return text
}

// A task sees its networks from its first instruction, through restarts of the daemon, and leaves nothing.
func TestCNINetworks(t *testing.T) {
	c := newCNIHost(t)
	task := cniTask(t, `ip -o addr show dev eth0; ip -o addr show dev eth1; hostname; cat /etc/hosts /etc/resolv.conf; `+
		`exec nc -ll -p 8080 -e echo hello`, "blue", "red")
	task.Container.Hostname = new("web.example")
	task.Container.Docker.Parameters = []mesos.Parameter{{Key: "add-host", Value: "other:192.0.2.7"}, {Key: "expose", Value: "99"}}
	ports(&task, 31077, 8080)
	e := c.newExecutor()
	e.launch(task)
	running := e.awaitRunning()
	if len(running.Networks) != 2 || running.IPv4 != "10.123.77.2" || running.IPv6 != "fd77::2" ||
		fmt.Sprint(running.Networks) != "[{blue [10.123.77.2 fd77::2]} {red [10.123.78.2]}]" {
		t.Errorf("networks %+v", running)
	}
	if said := answerAt(t, 31077); said != "hello\n" {
		t.Errorf("at the host port: %q", said)
	}
	log, err := c.docker.ContainerLogs(t.Context(), e.state.ContainerID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	raw, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := split(t, raw)
	mustName(t, said, "10.123.77.2/24", "fd77::2/64", "10.123.78.2/30", "\nweb.example\n", "10.123.77.2\tweb.example", "192.0.2.7\tother",
		"nameserver 10.123.77.1", "search blue.example")

	environment.Eventually(t, patience, "the holder to be removed", func() bool { return len(c.containers()) == 1 })
	e.conn.Close()
	c.restart()
	e.reconnect(c.socket)
	if again := e.awaitRunning(); fmt.Sprint(again.Networks) != fmt.Sprint(running.Networks) {
		t.Errorf("networks after a restart of the daemon: %+v", again.Networks)
	}
	if said := answerAt(t, 31077); said != "hello\n" {
		t.Errorf("at the host port, after a restart of the daemon: %q", said)
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	if held := c.held(); len(held) != 0 {
		t.Errorf("addresses are held when the end is told: %v", held)
	}
	if conn, err := net.DialTimeout("tcp", "127.0.0.1:31077", time.Second); err == nil {
		conn.Close()
		t.Error("the host port still leads somewhere when the end is told")
	}
	e.done()
	c.nothingLeft()
}

// What cannot be had fails the task in words, and leaves nothing.
func TestCNINetworksThatFail(t *testing.T) {
	c := newCNIHost(t)
	fails := filepath.Join(c.options.CNIPlugins[0], "fails")
	if err := os.WriteFile(fails, []byte("#!/bin/sh\n[ $CNI_COMMAND = DEL ] || { echo '{\"code\": 11, \"msg\": \"the fabric is full\"}'; exit 1; }\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.define("40-full.conf", `{"cniVersion": "0.4.0", "name": "full", "type": "fails"}`)
	c.define("50-wrong.conf", `{"cniVersion": "0.4.0", "name": "wrong"}`)
	c.define("60-none.conf", `{"cniVersion": "0.4.0", "name": "absent", "type": "missing-plugin"}`)
	network := func(n mesos.ContainerInfo_DockerInfo_Network) func(*mesos.TaskInfo) {
		return func(task *mesos.TaskInfo) { task.Container.Docker.Network = n.Enum() }
	}
	parameter := func(key, value string) func(*mesos.TaskInfo) {
		return func(task *mesos.TaskInfo) {
			task.Container.Docker.Parameters = []mesos.Parameter{{Key: key, Value: value}}
		}
	}
	for name, test := range map[string]struct {
		networks []string
		change   func(*mesos.TaskInfo)
		want     []string
	}{
		"a network that is not there": {[]string{"bleu"}, nil, []string{`"bleu"`, "absent, blue, full, red, wrong", c.configurations}},
		"one of two is not there":     {[]string{"blue", "bleu"}, nil, []string{`"bleu"`, "blue"}},
		"none, not there":             {[]string{"bleu"}, network(mesos.ContainerInfo_DockerInfo_NONE), []string{`"bleu"`}},
		"the plugin fails":            {[]string{"blue", "full"}, nil, []string{`"full"`, "40-full.conf", "the fabric is full"}},
		"the file is wrong":           {[]string{"wrong"}, nil, []string{"50-wrong.conf", "type"}},
		"there is no such plugin":     {[]string{"absent"}, nil, []string{"60-none.conf", "missing-plugin"}},
		"the host's network":          {[]string{"blue"}, network(mesos.ContainerInfo_DockerInfo_HOST), []string{`"blue"`, "USER", "HOST"}},
		"the bridge":                  {[]string{"blue"}, network(mesos.ContainerInfo_DockerInfo_BRIDGE), []string{`"blue"`, "USER", "BRIDGE"}},
		"a parameter":                 {[]string{"blue"}, parameter("network", "bridge"), []string{`"blue"`, "parameter"}},
		"none, and a parameter": {[]string{"blue"}, func(task *mesos.TaskInfo) {
			network(mesos.ContainerInfo_DockerInfo_NONE)(task)
			parameter("net", "none")(task)
		}, []string{"parameter", "net"}},
		"a link":              {[]string{"blue"}, parameter("link", "other"), []string{"link"}},
		"all ports":           {[]string{"blue"}, parameter("publish-all", "true"), []string{"publish-all"}},
		"a hardware address":  {[]string{"blue"}, parameter("mac-address", "02:00:00:00:00:01"), []string{"mac-address"}},
		"an alias":            {[]string{"blue"}, parameter("network-alias", "x"), []string{"alias"}},
		"a range of ports":    {[]string{"blue"}, parameter("publish", "80"), []string{"publish"}},
		"no plugin for ports": {[]string{"red"}, func(task *mesos.TaskInfo) { ports(task, 31000, 80) }, []string{"20-red.conf", "portmap"}},
		"a port of another task": {[]string{"blue"}, func(task *mesos.TaskInfo) {
			ports(task, 31000, 80)
			task.Container.NetworkInfos[0].PortMappings = []mesos.NetworkInfo_PortMapping{{HostPort: 22, ContainerPort: 80}}
		}, []string{"Port [22] not included in resources", "network_infos[0].port_mappings[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			task := cniTask(t, "true", test.networks...)
			if test.change != nil {
				test.change(&task)
			}
			e := c.newExecutor(func(a *wire.Attach) { a.Executor = t.Name() })
			e.launch(task)
			exit := e.awaitExit()
			if exit.Outcome != wire.OutcomeFailed {
				t.Errorf("outcome %+v", exit)
			}
			mustName(t, exit.Message, test.want...)
			e.done()
		})
	}
	c.nothingLeft()
}

// A holder that somebody removes keeps the task from being run, which is known then.
func TestCNIHolderVanishes(t *testing.T) {
	exit := new(session).failure(holderFailure(ours.ErrVanished))
	if exit.Outcome != wire.OutcomeFailed || exit.Fault != wire.FaultHost {
		t.Errorf("outcome %+v", exit)
	}
	mustName(t, exit.Message, ours.ErrVanished.Error(), "network")
}

// A daemon that dies leaves its record, and a holder. Here it has died with each step, and the executor with it or not.
func TestCNILeftByADeadDaemon(t *testing.T) {
	c := newCNIHost(t)
	for name, executorLives := range map[string]bool{"the executor lives": true, "the executor is dead": false} {
		t.Run(name, func(t *testing.T) {
			e := c.newExecutor(func(a *wire.Attach) { a.Executor = t.Name() })
			executor, err := wire.FindProcess(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			if !executorLives {
				executor.StartTime++
			}
			task := cniTask(t, "exec sleep 1000", "red")
			name := containerName(&e.attach, task.TaskID.Value, executor)
			found, err := cni.Load([]string{c.configurations})
			if found["red"].Name == "" {
				t.Fatal(err)
			}
			e.conn.Close()
			c.stop() // a daemon that lives would leave the networks of an executor that is dead
			// What the dead daemon had done: the one address of the pool is taken.
			plan, err := cni.Request{
				Container: name, Instance: c.server.instance.id, Executor: executor, Plugins: c.options.CNIPlugins,
				Networks: []cni.Wish{{Network: found["red"]}},
			}.Plan()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.server.networks.Attach(t.Context(), plan, newNamespace(t)); err != nil {
				t.Fatal(err)
			}
			if held := c.held(); len(held) != 1 {
				t.Fatalf("addresses held: %v", held)
			}
			c.start()
			if !executorLives {
				environment.Eventually(t, patience, "the address to be given back", func() bool { return len(c.held()) == 0 })
				return
			}
			e.state.Launch = launchOf(t, task)
			e.reconnect(c.socket)
			if running := e.awaitRunning(); fmt.Sprint(running.Networks) != "[{red [10.123.78.2]}]" {
				t.Errorf("networks %+v", running.Networks)
			}
			e.end()
		})
	}
	c.nothingLeft()
}

// newNamespace is the path of a network namespace of its own, until the test ends.
func newNamespace(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("unshare", "--net", "sh", "-c", "echo ready; exec sleep 1000")
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := ready.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)
}

// The executor's death stops the task and leaves its networks, with the daemon there or away.
func TestCNIExecutorDies(t *testing.T) {
	c := newCNIHost(t)
	for name, away := range map[string]bool{"the daemon is there": false, "the daemon is away": true} {
		t.Run(name, func(t *testing.T) {
			p := c.newProcess(cniTask(t, "exec sleep 1000", "red"), 0)
			p.awaitRunning(t)
			if away {
				c.stop()
			}
			p.kill()
			if away {
				if held := c.held(); len(held) != 1 {
					t.Errorf("addresses held: %v", held)
				}
				c.start()
			}
			c.nothingLeft()
		})
	}
}

// The names of CNI networks are a matter of allowed_networks.
func TestCNINetworkOfAPolicy(t *testing.T) {
	c := newCNIHost(t)
	c.stop()
	c.options.Policy = func() *policy.Policy {
		p, err := policy.New(policy.Options{Allowed: map[string]policy.Rule{policylist.Networks: {Source: "the test", Items: []string{"red"}}}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}()
	c.start()
	for network, want := range map[string]bool{"red": true, "blue": false} {
		e := c.newExecutor(func(a *wire.Attach) { a.Executor = t.Name() + network })
		e.launch(cniTask(t, "true", network))
		exit := e.awaitExit()
		if got := exit.Outcome == wire.OutcomeExited; got != want {
			t.Errorf("%s: %+v", network, exit)
		}
		if !want {
			mustName(t, exit.Message, `"blue"`, "allowed_networks")
		}
		e.done()
	}
	c.nothingLeft()
}
