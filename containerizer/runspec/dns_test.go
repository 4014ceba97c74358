package runspec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/agentflag"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

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
