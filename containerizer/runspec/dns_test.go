package runspec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

const testDNS = `{
	"mesos": [{"network_mode": "CNI", "dns": {"nameservers": ["9.9.9.9"]}}],
	"docker": [
		{"network_mode": "BRIDGE", "dns": {"nameservers": ["8.8.8.8"], "search": ["example.com."], "options": ["ndots:2"]}},
		{"network_mode": "USER", "dns": {"nameservers": ["1.1.1.1"]}},
		{"network_mode": "USER", "network_name": "weave", "dns": {"nameservers": ["2.2.2.2"]}}]}`

// TestDefaultContainerDNS is contract section 2.8.
func TestDefaultContainerDNS(t *testing.T) {
	dns, err := runspec.ParseDNS([]byte(testDNS))
	if err != nil {
		t.Fatal(err)
	}
	user := func(name string) string { return `, "network_infos": [{"name": "` + name + `"}]` }
	parameter := func(key, value string) string {
		return `, "parameters": [{"key": "` + key + `", "value": "` + value + `"}]`
	}
	tests := []struct {
		name, docker, container string
		want                    runspec.DNSConfig
	}{
		{"host", `, "network": "HOST"`, "", runspec.DNSConfig{}},
		{"none", `, "network": "NONE"`, "", runspec.DNSConfig{}},
		{"bridge", `, "network": "BRIDGE"`, "", runspec.DNSConfig{Nameservers: []string{"8.8.8.8"}, Search: []string{"example.com"}, Options: []string{"ndots:2"}}},
		{"user, named", `, "network": "USER"`, user("weave"), runspec.DNSConfig{Nameservers: []string{"2.2.2.2"}}},
		{"user, not named", `, "network": "USER"`, user("calico"), runspec.DNSConfig{Nameservers: []string{"1.1.1.1"}}},
		{"user, the network in effect", `, "network": "USER"` + parameter("net", "weave"), user("calico"), runspec.DNSConfig{Nameservers: []string{"2.2.2.2"}}},
		{"the kind of network is DockerInfo's", `, "network": "BRIDGE"` + parameter("net", "weave"), "",
			runspec.DNSConfig{Nameservers: []string{"8.8.8.8"}, Search: []string{"example.com"}, Options: []string{"ndots:2"}}},
		{"own dns", `, "network": "BRIDGE"` + parameter("dns", "3.3.3.3"), "", runspec.DNSConfig{Nameservers: []string{"3.3.3.3"}}},
		{"own dns-search", `, "network": "BRIDGE"` + parameter("dns-search", "x.y"), "", runspec.DNSConfig{Search: []string{"x.y"}}},
		{"own dns-opt", `, "network": "BRIDGE"` + parameter("dns-opt", "ndots:1"), "", runspec.DNSConfig{Options: []string{"ndots:1"}}},
		{"own dns-option", `, "network": "BRIDGE"` + parameter("dns-option", "ndots:1"), "", runspec.DNSConfig{Options: []string{"ndots:1"}}},
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

func TestParseDNSThatFails(t *testing.T) {
	tests := []struct{ text, want string }{
		{`{`, "default_container_dns: unexpected end of JSON input"},
		{`{"docker": [{"network_mode": "HOST"}]}`, `default_container_dns: docker[0].network_mode: "HOST" is neither BRIDGE nor USER`},
		{`{"docker": [{"network_mode": "USER", "dns": {"nameservers": ["a"]}}]}`, `default_container_dns: docker[0].dns: nameserver "a" is not an IP address`},
		{`{"docker": [{"network_mode": "USER", "dns": {"search": ["a..b"]}}]}`, `default_container_dns: docker[0].dns: search domain "a..b" is not a domain`},
		{`{"docker": [{"network_mode": "USER", "dns": {"search": ["-a"]}}]}`, `default_container_dns: docker[0].dns: search domain "-a" is not a domain`},
		{`{"docker": [{"network_mode": "USER", "dns": {"search": ["1.2"]}}]}`, `default_container_dns: docker[0].dns: search domain "1.2" is not a domain`},
	}
	for _, test := range tests {
		if _, err := runspec.ParseDNS([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzParseDNS(f *testing.F) {
	f.Add([]byte(testDNS))
	f.Add([]byte(`{"docker": [{"network_mode": "USER", "dns": {"search": ["."], "nameservers": ["::1"]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dns, err := runspec.ParseDNS(data)
		if (dns == nil) != (err != nil) {
			t.Errorf("%v with error %v", dns, err)
		}
	})
}
