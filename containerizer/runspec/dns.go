package runspec

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// DNS is the agent's flag default_container_dns, as far as it concerns Docker (contract section 2.8). The field names are
// those of the flag's JSON.
type DNS struct {
	Docker []NetworkDNS `json:"docker"`
}

// NetworkDNS is the default of one kind of network.
type NetworkDNS struct {
	NetworkMode string    `json:"network_mode"`           // BRIDGE or USER
	NetworkName string    `json:"network_name,omitempty"` // of a user network; "" is every user network not named
	DNS         DNSConfig `json:"dns"`
}

// DNSConfig says how names are resolved.
type DNSConfig struct {
	Nameservers []string `json:"nameservers,omitempty"`
	Search      []string `json:"search,omitempty"`
	Options     []string `json:"options,omitempty"`
}

// ParseDNS reads the flag's JSON and checks what can be checked once, so that a mistake stops the program that was given the
// flag and not each of its tasks.
func ParseDNS(data []byte) (*DNS, error) {
	var d DNS
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("default_container_dns: %w", err)
	}
	for i := range d.Docker {
		entry := &d.Docker[i]
		field := fmt.Sprintf("default_container_dns: docker[%d]", i)
		if entry.NetworkMode != "BRIDGE" && entry.NetworkMode != "USER" {
			return nil, fmt.Errorf("%s.network_mode: %s is neither BRIDGE nor USER", field, quote(entry.NetworkMode))
		}
		if err := entry.DNS.normalize(); err != nil {
			return nil, fmt.Errorf("%s.dns: %w", field, err)
		}
	}
	return &d, nil
}

// describeDNS gives the task the default for its network, unless a parameter of its own says anything about DNS. The kind of
// network is DockerInfo's; the name is that of the network in effect.
func (r *runOptions) describeDNS(docker *mesos.ContainerInfo_DockerInfo, d *DNS) error {
	if d == nil {
		return nil
	}
	for _, p := range r.parameters {
		switch p.name {
		case "dns", "dns-search", "dns-opt", "dns-option":
			return nil
		}
	}
	entry := d.forNetwork(docker.GetNetwork(), r.network)
	if entry == nil {
		return nil
	}
	r.dns = entry.DNS
	if err := r.dns.normalize(); err != nil {
		return fmt.Errorf("default_container_dns: %w", err)
	}
	return nil
}

// forNetwork finds the entry of a network: for a user network the one with its name, else the one without.
func (d *DNS) forNetwork(mode mesos.ContainerInfo_DockerInfo_Network, name string) *NetworkDNS {
	var unnamed *NetworkDNS
	for i := range d.Docker {
		entry := &d.Docker[i]
		switch {
		case mode == mesos.ContainerInfo_DockerInfo_BRIDGE && entry.NetworkMode == "BRIDGE":
			return entry
		case mode != mesos.ContainerInfo_DockerInfo_USER || entry.NetworkMode != "USER":
		case entry.NetworkName == name && name != "":
			return entry
		case entry.NetworkName == "" && unnamed == nil:
			unnamed = entry
		}
	}
	return unnamed
}

// normalize writes addresses and domains as the docker command would.
func (c *DNSConfig) normalize() error {
	nameservers := make([]string, 0, len(c.Nameservers))
	for _, server := range c.Nameservers {
		ip := net.ParseIP(strings.TrimSpace(server))
		if ip == nil {
			return fmt.Errorf("nameserver %s is not an IP address", quote(server))
		}
		nameservers = append(nameservers, ip.String())
	}
	search := make([]string, 0, len(c.Search))
	for _, text := range c.Search {
		domain, ok := searchDomain(text)
		if !ok {
			return fmt.Errorf("search domain %s is not a domain", quote(text))
		}
		search = append(search, domain)
	}
	c.Nameservers, c.Search = nameservers, search
	return nil
}

// searchDomain returns a domain without the dot of the root; the root itself is ".".
func searchDomain(text string) (domain string, ok bool) {
	domain = strings.TrimSpace(text)
	if domain == "." {
		return domain, true
	}
	domain = strings.TrimSuffix(domain, ".")
	if len(domain) >= 255 || !strings.ContainsFunc(domain, isLetter) {
		return "", false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "", false
		}
		for _, c := range label {
			if !isLetter(c) && (c < '0' || c > '9') && c != '-' {
				return "", false
			}
		}
	}
	return domain, true
}

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
