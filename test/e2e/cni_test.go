package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
)

// Agents of ClusterD say where CNI configurations and plugins are. A task that names a network of theirs is joined to it, unless Docker
// has one of that name; a task that names none is not concerned.
func TestDropInCNI(t *testing.T) {
	h := newHost(t)
	plugins := environment.CNIPlugins(t)
	name := fmt.Sprintf("e2e-cni-%d", time.Now().UnixNano())
	both := name + "-docker-too"
	h.network(t, both)
	configurations, data := t.TempDir(), t.TempDir()
	file := filepath.Join(configurations, "10-e2e.conf")
	for path, content := range map[string]string{
		file: fmt.Sprintf(`{"cniVersion": "0.3.1", "name": %q, "type": "ptp", "ipam": {"type": "host-local", "dataDir": %q,
			"ranges": [[{"subnet": "10.124.0.0/30"}]]}}`, name, data),
		filepath.Join(configurations, "20-both.conflist"): fmt.Sprintf(`{"name": %q, "plugins": []}`, both),
		filepath.Join(configurations, "bad.conf"):         `{"name": `,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := func(o *dropInOptions) {
		o.flags = []string{"--network_cni_plugins_dir=" + plugins, "--network_cni_config_dir=/nowhere:" + configurations}
	}
	const user, bridge, host = mesos.ContainerInfo_DockerInfo_USER, mesos.ContainerInfo_DockerInfo_BRIDGE, mesos.ContainerInfo_DockerInfo_HOST
	for title, test := range map[string]struct {
		mode      mesos.ContainerInfo_DockerInfo_Network
		network   string
		parameter string
		address   string   // that the updates tell, empty for any
		refused   []string // words of the message; empty for a task that runs
	}{
		"CNI's":                {user, name, "", "10.124.0.2", nil},
		"Docker's too":         {user, both, "", "", nil},
		"beside the bridge":    {bridge, name, "", "", []string{name, file, "USER"}},
		"beside no network":    {user, both, "net=none", "", []string{both, "20-both.conflist", "one or the other"}},
		"the host's, unnamed":  {host, "", "", "", nil},
		"neither's":            {user, name + "-missing", "", "", []string{name + "-missing", "there is no network", name + ", " + both}},
		"another name, bridge": {bridge, name + "-missing", "", "", nil},
	} {
		t.Run(title, func(t *testing.T) {
			info := shell(t, "true")
			info.Container.Docker.Network = test.mode.Enum()
			if test.network != "" {
				info.Container.NetworkInfos = []mesos.NetworkInfo{{Name: &test.network, Groups: []string{"kept"}}}
			}
			if test.parameter != "" {
				parameter(&info, test.parameter)
			}
			d := h.dropIn(t, info, flags)
			if len(test.refused) > 0 {
				wantMessage(t, d.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, test.refused...)
				d.endOnce(t, "STARTING FAILED")
				environment.Eventually(t, patience, "its removal", func() bool { return len(h.containers(t)) == 0 })
				return
			}
			if test.address != "" {
				for _, state := range []mesos.TaskState{mesos.TASK_RUNNING, mesos.TASK_FINISHED} {
					networks := d.await(t, state).ContainerStatus.GetNetworkInfos()
					if len(networks) != 1 || networks[0].GetName() != name || len(networks[0].Groups) != 1 ||
						len(networks[0].IPAddresses) != 1 || networks[0].IPAddresses[0].GetIPAddress() != test.address {
						t.Errorf("%v: networks %+v", state, networks)
					}
				}
			}
			d.endOnce(t, "STARTING RUNNING FINISHED")
		})
	}
	if held, _ := filepath.Glob(filepath.Join(data, "*", "10.*")); len(held) != 0 {
		t.Errorf("addresses are held: %v", held)
	}
}
