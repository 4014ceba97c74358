package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// Flags of agents to come are named in one warning, without their values; an agent with another Engine than the daemon's is named
// in another.
func TestDropInUnknownFlags(t *testing.T) {
	t.Parallel()
	d := newHost(t).finish(t, shell(t, "true"), func(o *dropInOptions) {
		o.flags = []string{"--of_the_future=secret", "--no-more", "--docker_socket=/nowhere/docker.sock", "--network_cni_plugins_dir=/opt/cni/bin"}
	})
	said := d.read(t, "stderr")
	for _, line := range []string{`"unknown flags ignored","framework":"framework"`, `"flags":["of_the_future","no-more"]`,
		"the agent's flag docker_socket is /nowhere/docker.sock, the daemon's Engine is at " + environment.Socket(t)} {
		if strings.Count(said, line) != 1 {
			t.Errorf("it does not say %s once:\n%s", line, said)
		}
	}
	if strings.Contains(said, "secret") || strings.Count(said, `"level":"warn"`) != 2 {
		t.Errorf("stderr:\n%s", said)
	}
}

// Agents that recover executors of the HTTP API may have them in the stock executor's place as well.
func TestDropInOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := "mesos-" + newUUID(t)
	k := h.launch(t, probe(t, "hold"), func(r *localagent.LaunchRequest) {
		r.Args = []string{"--socket=" + h.socket, "--container=" + name, "--protocol=v1"}
	})
	if got := inspected(t, k.await(t, mesos.TASK_RUNNING)).Name; got != "/"+name {
		t.Errorf("the container is %s, want %s", got, name)
	}
	k.kill(t)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// The deprecated stop_timeout raises the shutdown grace period, which is what a task without a policy of its own has.
func TestDropInStopTimeout(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := probe(t, "hold", "-term", "ignore")
	info.KillPolicy = nil
	d := h.dropIn(t, info, func(o *dropInOptions) { o.flags = []string{"--stop_timeout=8secs"} })
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "holding")
	began := time.Now()
	if err := d.Kill(info.TaskID.Value, nil); err != nil {
		t.Fatal(err)
	}
	d.await(t, mesos.TASK_KILLED)
	if took := time.Since(began); took < 8*time.Second {
		t.Errorf("it took %v", took)
	}
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

// Agents of ClusterD say where CNI configurations are. A task that names a network of theirs fails and says why, unless Docker has
// it; a task that names none is not concerned.
func TestDropInCNI(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := fmt.Sprintf("e2e-cni-%d", time.Now().UnixNano())
	both := name + "-docker-too"
	h.network(t, both)
	configurations := t.TempDir()
	file := filepath.Join(configurations, "10-e2e.conf")
	for path, content := range map[string]string{
		file: fmt.Sprintf(`{"cniVersion": "0.3.1", "name": %q, "type": "calico"}`, name),
		filepath.Join(configurations, "20-both.conflist"): fmt.Sprintf(`{"name": %q, "plugins": []}`, both),
		filepath.Join(configurations, "bad.conf"):         `{"name": `,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := func(o *dropInOptions) {
		o.flags = []string{"--network_cni_plugins_dir=/opt/cni/bin", "--network_cni_config_dir=/nowhere:" + configurations}
	}
	const user, bridge, host = mesos.ContainerInfo_DockerInfo_USER, mesos.ContainerInfo_DockerInfo_BRIDGE, mesos.ContainerInfo_DockerInfo_HOST
	for title, test := range map[string]struct {
		mode      mesos.ContainerInfo_DockerInfo_Network
		network   string
		parameter string
		refused   []string // words of the message; empty for a task that runs
	}{
		"not Docker's":         {user, name, "", []string{name, file, "CNI network", "docker network create"}},
		"Docker's too":         {user, both, "", nil},
		"beside the bridge":    {bridge, name, "", []string{name, file, `Docker's network "bridge"`}},
		"beside no network":    {user, both, "net=none", []string{both, "20-both.conflist", `Docker's network "none"`}},
		"the host's, unnamed":  {host, "", "", nil},
		"neither's":            {user, name + "-missing", "", []string{name + "-missing", "not found"}},
		"another name, bridge": {bridge, name + "-missing", "", nil},
	} {
		t.Run(title, func(t *testing.T) {
			info := shell(t, "true")
			info.Container.Docker.Network = test.mode.Enum()
			if test.network != "" {
				info.Container.NetworkInfos = []mesos.NetworkInfo{{Name: &test.network}}
			}
			if test.parameter != "" {
				parameter(&info, test.parameter)
			}
			d := h.dropIn(t, info, flags)
			if len(test.refused) == 0 {
				d.endOnce(t, "STARTING RUNNING FINISHED")
				return
			}
			wantMessage(t, d.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, test.refused...)
			d.endOnce(t, "STARTING FAILED")
			eventually(t, "its removal", func() bool { return len(h.containers(t)) == 0 })
		})
	}
}
