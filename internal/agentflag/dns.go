// Package agentflag reads and writes what the Mesos agent's flags have in a syntax of their own: durations, and
// default_container_dns. A flag can come to the daemon as a setting and from an executor; both are read by the same rules.
package agentflag

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"
)

// ContainerDNS is the value of default_container_dns (contract 2.8). The names of all fields are those of its JSON.
type ContainerDNS struct {
	// Mesos is for the agent's other containerizer, and only kept.
	Mesos []json.RawMessage `json:"mesos,omitempty"`
	// Docker has at most one entry for BRIDGE, one for USER without a name, and one for USER with each name.
	Docker []NetworkDNS `json:"docker,omitempty"`
}

// NetworkDNS says which settings the containers on a network get that have none of their own.
type NetworkDNS struct {
	NetworkMode string `json:"network_mode"`           // BRIDGE or USER
	NetworkName string `json:"network_name,omitempty"` // of a user network; empty for all that no entry names
	DNS         DNS    `json:"dns"`
}

// DNS are the settings, as docker run takes them.
type DNS struct {
	Nameservers []string `json:"nameservers,omitempty"` // IP addresses
	Search      []string `json:"search,omitempty"`      // domains without the dot of the root
	Options     []string `json:"options,omitempty"`
}

// ParseDNS reads the flag's JSON. Addresses and domains come out as the docker command writes them. The error names the place of
// the mistake; it stops the program that was given the flag, and not each of its tasks.
func ParseDNS(data []byte) (*ContainerDNS, error) {
	if err := json.Unmarshal(data, new(any)); err != nil {
		return nil, fmt.Errorf("it is not valid JSON: %w", err)
	}
	if mistakes := strictjson.Check[ContainerDNS](data, strictjson.Options{}); mistakes != nil {
		return nil, mistakes[0]
	}
	var d *ContainerDNS
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if d == nil {
		return nil, errors.New("it is not a JSON object")
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// check normalizes the entries and applies the agent's own rules, and docker's for addresses and domains.
func (d *ContainerDNS) check() error {
	seen := map[string]bool{}
	for i := range d.Docker {
		entry := &d.Docker[i]
		key := entry.NetworkMode
		switch entry.NetworkMode {
		case "BRIDGE":
		case "USER":
			key += " " + entry.NetworkName
		default:
			return fmt.Errorf("/docker/%d/network_mode is %q and not BRIDGE or USER", i, strictjson.Shorten(entry.NetworkMode))
		}
		if seen[key] {
			return fmt.Errorf("/docker/%d is a second entry for the network %q", i, strictjson.Shorten(key))
		}
		seen[key] = true
		if err := entry.DNS.normalize(); err != nil {
			return fmt.Errorf("/docker/%d/dns: %w", i, err)
		}
	}
	return nil
}

// normalize writes addresses and domains as the docker command would.
func (d *DNS) normalize() error {
	for i, server := range d.Nameservers {
		ip := net.ParseIP(strings.TrimSpace(server))
		if ip == nil {
			return fmt.Errorf("the name server %q is not an IP address", strictjson.Shorten(server))
		}
		d.Nameservers[i] = ip.String()
	}
	for i, text := range d.Search {
		domain, ok := searchDomain(text)
		if !ok {
			return fmt.Errorf("the search domain %q is not a domain", strictjson.Shorten(text))
		}
		d.Search[i] = domain
	}
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
