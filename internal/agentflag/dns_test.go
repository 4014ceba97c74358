package agentflag

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDNS(t *testing.T) {
	got, err := ParseDNS([]byte(`{
		"mesos": [{"network_mode": "CNI", "dns": {"nameservers": ["9.9.9.9"]}}],
		"docker": [
			{"network_mode": "BRIDGE", "dns": {"nameservers": [" 8.8.8.8", "0::1"], "search": ["example.com. ", "."], "options": ["ndots:2"]}},
			{"network_mode": "USER", "network_name": "weave"}, {"network_mode": "USER"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &ContainerDNS{
		Mesos: []json.RawMessage{json.RawMessage(`{"network_mode": "CNI", "dns": {"nameservers": ["9.9.9.9"]}}`)},
		Docker: []NetworkDNS{
			{NetworkMode: "BRIDGE", DNS: DNS{Nameservers: []string{"8.8.8.8", "::1"}, Search: []string{"example.com", "."}, Options: []string{"ndots:2"}}},
			{NetworkMode: "USER", NetworkName: "weave"}, {NetworkMode: "USER"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseDNSThatFails(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{`, "it is not valid JSON: unexpected end of JSON input"},
		{`{}{}`, "it is not valid JSON: invalid character '{' after top-level value"},
		{`null`, "it is not a JSON object"},
		{`[]`, "document: expected an object"},
		{`{"dokcer": []}`, "/dokcer: ContainerDNS has no such field"},
		{`{"docker": [{"network_mode": "HOST"}]}`, `/docker/0/network_mode is "HOST" and not BRIDGE or USER`},
		{`{"docker": [{"network_mode": "BRIDGE"}, {"network_mode": "BRIDGE"}]}`, `/docker/1 is a second entry for the network "BRIDGE"`},
		{`{"docker": [{"network_mode": "USER", "dns": {"nameservers": ["a"]}}]}`, `/docker/0/dns: the name server "a" is not an IP address`},
		{`{"docker": [{"network_mode": "USER", "dns": {"nameservers": ["fe80::1%eth0"]}}]}`, `/docker/0/dns: the name server "fe80::1%eth0" is not an IP address`},
		{`{"docker": [{"network_mode": "USER", "dns": {"search": ["a..b"]}}]}`, `/docker/0/dns: the search domain "a..b" is not a domain`},
		{`{"docker": [{"network_mode": "USER", "dns": {"search": ["-a"]}}]}`, `/docker/0/dns: the search domain "-a" is not a domain`},
		{`{"docker": [{"network_mode": "USER", "dns": {"search": ["1.2"]}}]}`, `/docker/0/dns: the search domain "1.2" is not a domain`},
	} {
		if _, err := ParseDNS([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v, want %q", test.text, err, test.want)
		}
	}
}

// What Parse returns is written and read again unchanged.
func FuzzParseDNS(f *testing.F) {
	f.Add([]byte(`{"docker": [{"network_mode": "USER", "dns": {"search": ["."], "nameservers": ["::1"]}}], "mesos": [1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dns, err := ParseDNS(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(dns)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseDNS(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
			t.Errorf("%s became %s (%v)", text, second, err)
		}
	})
}
