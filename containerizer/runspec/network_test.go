package runspec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/internal/agentflag"
)

const portsResource = `, "resources": [{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}, {"begin": 31005, "end": 31005}]}}]`

func TestNetworks(t *testing.T) {
	tests := []struct{ docker, container, want string }{
		{"", "", "host"},
		{`, "network": "HOST"`, "", "host"},
		{`, "network": "BRIDGE"`, "", "bridge"},
		{`, "network": "NONE"`, "", "none"},
		{`, "network": "USER"`, `, "network_infos": [{"name": "weave"}]`, "weave"},
		{`, "network": "BRIDGE"`, `, "network_infos": [{"name": "a"}, {"name": "b"}]`, "bridge"},
	}
	for _, test := range tests {
		spec := translate(t, taskOf(infoOf(t, dockerTask(test.docker, test.container, shellCommand))), runspec.Options{})
		if got := string(spec.HostConfig.NetworkMode); got != test.want {
			t.Errorf("%s%s: network %q, want %q", test.docker, test.container, got, test.want)
		}
		if len(spec.Networking.EndpointsConfig) != 0 {
			t.Errorf("%s: endpoints %v, which docker leaves out", test.docker, spec.Networking.EndpointsConfig)
		}
	}
}

func TestNetworksThatFail(t *testing.T) {
	const user = `, "network": "USER"`
	tests := []struct{ docker, container, text, field string }{
		{user, "", "No network info found in container info", "container.network_infos"},
		{user, `, "network_infos": [{"name": "a"}, {"name": "b"}]`, "Only a single network can be defined in Docker run", "container.network_infos"},
		{user, `, "network_infos": [{}]`, "No network name found in network info", "container.network_infos[0].name"},
		{"", `, "hostname": "h"`, "Unable to set hostname with host network mode", "container.hostname"},
	}
	for _, test := range tests {
		wantFault(t, taskOf(infoOf(t, dockerTask(test.docker, test.container, shellCommand))), runspec.Options{}, test.text, test.field)
	}
}

func TestHostname(t *testing.T) {
	spec := translate(t, taskOf(infoOf(t, dockerTask(`, "network": "BRIDGE"`, `, "hostname": "h.example"`, shellCommand))), runspec.Options{})
	if spec.Config.Hostname != "h.example" {
		t.Errorf("hostname %q", spec.Config.Hostname)
	}
}

func TestPorts(t *testing.T) {
	docker := `, "network": "BRIDGE", "port_mappings": [
		{"host_port": 31000, "container_port": 80},
		{"host_port": 31001, "container_port": 53, "protocol": "UDP"},
		{"host_port": 31005, "container_port": 53, "protocol": "tcp"},
		{"host_port": 31005, "container_port": 80, "protocol": "tcp"}]`
	spec := translate(t, taskOf(infoOf(t, dockerTask(docker, "", shellCommand+portsResource))), runspec.Options{})
	want := nat.PortMap{
		"80/tcp": {{HostPort: "31000"}, {HostPort: "31005"}},
		"53/udp": {{HostPort: "31001"}},
		"53/tcp": {{HostPort: "31005"}},
	}
	if diff := cmp.Diff(want, spec.HostConfig.PortBindings); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(nat.PortSet{"80/tcp": {}, "53/udp": {}, "53/tcp": {}}, spec.Config.ExposedPorts); diff != "" {
		t.Errorf("exposed ports (-want +got):\n%s", diff)
	}
}

func TestPortsThatFail(t *testing.T) {
	const field = "container.docker.port_mappings"
	const onlyBridged = "Port mappings are only supported for bridge and user-defined networks"
	cpus := `, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}]`
	anyPort := `, "resources": [{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 0, "end": 100000}]}}]`
	tests := []struct{ network, host, container, protocol, resources, text, field string }{
		{"HOST", "31000", "80", "tcp", portsResource, onlyBridged, field},
		{"NONE", "31000", "80", "tcp", portsResource, onlyBridged, field},
		{"BRIDGE", "31000", "80", "tcp", "", "Port mappings require resources", field},
		{"BRIDGE", "31000", "80", "tcp", cpus, "Port mappings require port resources", field},
		{"BRIDGE", "31004", "80", "tcp", portsResource, "Port [31004] not included in resources", field + "[0].host_port"},
		{"BRIDGE", "0", "80", "tcp", portsResource, "Port [0] not included in resources", field + "[0].host_port"},
		{"BRIDGE", "0", "80", "tcp", anyPort, "host port 0 is not a port; it must be 1 to 65535", field + "[0].host_port"},
		{"BRIDGE", "65536", "80", "tcp", anyPort, "host port 65536 is not a port; it must be 1 to 65535", field + "[0].host_port"},
		{"BRIDGE", "31000", "0", "tcp", portsResource, "container port 0 is not a port; it must be 1 to 65535", field + "[0].container_port"},
		{"BRIDGE", "31000", "65536", "tcp", portsResource, "container port 65536 is not a port; it must be 1 to 65535", field + "[0].container_port"},
		{"BRIDGE", "31000", "80", "udp,tcp", portsResource, `invalid proto: "udp,tcp"; it must be tcp, udp or sctp`, field + "[0].protocol"},
	}
	for _, test := range tests {
		docker := fmt.Sprintf(`, "network": %q, "port_mappings": [{"host_port": %s, "container_port": %s, "protocol": %q}]`,
			test.network, test.host, test.container, test.protocol)
		wantFault(t, taskOf(infoOf(t, dockerTask(docker, "", shellCommand+test.resources))), runspec.Options{}, test.text, test.field)
	}
}

// TestUserNetworkWithOptions proves that the name of a user network means what it means behind --net.
func TestUserNetworkWithOptions(t *testing.T) {
	info := infoOf(t, dockerTask(`, "network": "USER"`, `, "network_infos": [{"name": "name=weave,alias=web"}]`, shellCommand))
	spec, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{Parameters: parameters.NewSubprocess()})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := spec.Networking.EndpointsConfig["weave"]
	if spec.HostConfig.NetworkMode != "weave" || endpoint == nil || !slices.Equal(endpoint.Aliases, []string{"web"}) {
		t.Errorf("network %s, endpoint %+v", spec.HostConfig.NetworkMode, endpoint)
	}
}

const testDNS = `{
	"mesos": [{"network_mode": "CNI", "dns": {"nameservers": ["9.9.9.9"]}}],
	"docker": [
		{"network_mode": "BRIDGE", "dns": {"nameservers": ["8.8.8.8"], "search": ["example.com."], "options": ["ndots:2"]}},
		{"network_mode": "USER", "dns": {"nameservers": ["1.1.1.1"]}},
		{"network_mode": "USER", "network_name": "weave", "dns": {"nameservers": ["2.2.2.2"]}}]}`

// TestDefaultContainerDNS is contract 2.8.
func TestDefaultContainerDNS(t *testing.T) {
	dns, err := agentflag.ParseDNS([]byte(testDNS))
	if err != nil {
		t.Fatal(err)
	}
	user := func(name string) string { return `, "network_infos": [{"name": "` + name + `"}]` }
	parameter := func(key, value string) string {
		return `, "parameters": [{"key": "` + key + `", "value": "` + value + `"}]`
	}
	tests := []struct {
		name, docker, container string
		want                    agentflag.DNS
	}{
		{"host", `, "network": "HOST"`, "", agentflag.DNS{}},
		{"none", `, "network": "NONE"`, "", agentflag.DNS{}},
		{"bridge", `, "network": "BRIDGE"`, "", agentflag.DNS{Nameservers: []string{"8.8.8.8"}, Search: []string{"example.com"}, Options: []string{"ndots:2"}}},
		{"user, named", `, "network": "USER"`, user("weave"), agentflag.DNS{Nameservers: []string{"2.2.2.2"}}},
		{"user, not named", `, "network": "USER"`, user("calico"), agentflag.DNS{Nameservers: []string{"1.1.1.1"}}},
		{"user, the network in effect", `, "network": "USER"` + parameter("net", "weave"), user("calico"), agentflag.DNS{Nameservers: []string{"2.2.2.2"}}},
		{"the kind of network is DockerInfo's", `, "network": "BRIDGE"` + parameter("net", "weave"), "",
			agentflag.DNS{Nameservers: []string{"8.8.8.8"}, Search: []string{"example.com"}, Options: []string{"ndots:2"}}},
		{"own dns", `, "network": "BRIDGE"` + parameter("dns", "3.3.3.3"), "", agentflag.DNS{Nameservers: []string{"3.3.3.3"}}},
		{"own dns-search", `, "network": "BRIDGE"` + parameter("dns-search", "x.y"), "", agentflag.DNS{Search: []string{"x.y"}}},
		{"own dns-opt", `, "network": "BRIDGE"` + parameter("dns-opt", "ndots:1"), "", agentflag.DNS{Options: []string{"ndots:1"}}},
		{"own dns-option", `, "network": "BRIDGE"` + parameter("dns-option", "ndots:1"), "", agentflag.DNS{Options: []string{"ndots:1"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			task := taskOf(infoOf(t, dockerTask(test.docker, test.container, shellCommand)))
			spec, err := runspec.Translate(t.Context(), task, runspec.Options{DefaultContainerDNS: dns, Parameters: parameters.NewSubprocess()})
			if err != nil {
				t.Fatal(err)
			}
			host := spec.HostConfig
			for _, list := range []struct{ got, want []string }{
				{host.DNS, test.want.Nameservers}, {host.DNSSearch, test.want.Search}, {host.DNSOptions, test.want.Options},
			} {
				if list.got == nil || strings.Join(list.got, " ") != strings.Join(list.want, " ") {
					t.Errorf("%q, want %q, and never null", list.got, list.want)
				}
			}
		})
	}
}

func TestNoDefaultContainerDNS(t *testing.T) {
	spec := translate(t, taskOf(infoOf(t, dockerTask(`, "network": "BRIDGE"`, "", shellCommand))), runspec.Options{})
	if diff := cmp.Diff([]string{}, spec.HostConfig.DNS); diff != "" {
		t.Errorf("name servers (-want +got):\n%s", diff)
	}
}
