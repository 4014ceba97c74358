package runspec

import (
	"github.com/docker/docker/api/types/versions"
)

// firstAPI is the Engine API's version that first knew an option, of those that an Engine may be too old for. Engines pass over
// what they do not know, so the docker command refuses such an option, and so do we.
var firstAPI = map[string]string{
	"annotation":            "1.43",
	"cgroupns":              "1.41",
	"gpus":                  "1.40",
	"health-start-interval": "1.44",
	"platform":              "1.41",
}

// macPerNetworkAPI is the version with which a MAC address became one of a network. Before, the container had one.
const macPerNetworkAPI = "1.44"

// suitEngine refuses options that the Engine is too old for, in docker's words, and says what it can say in the Engine's way.
// An empty version is that of an Engine that knows everything.
func (r *runOptions) suitEngine(spec *Spec, version string) error {
	if version == "" {
		return nil
	}
	for _, p := range r.parameters {
		if first, found := firstAPI[p.name]; found && versions.LessThan(version, first) {
			return fault(p.field, `"--%s" requires API version %s, but the Docker daemon API version is %s`, p.name, first, version)
		}
	}
	if versions.LessThan(version, macPerNetworkAPI) {
		spec.moveMACAddress()
	}
	return nil
}

// moveMACAddress leaves the address of the container's first network to Config, where docker's parser has put it too. The
// client refuses to send one for a network to an Engine that takes one for the container.
func (s *Spec) moveMACAddress() {
	if s.Networking == nil {
		return
	}
	endpoint := s.Networking.EndpointsConfig[s.HostConfig.NetworkMode.NetworkName()]
	//lint:ignore SA1019 the field is deprecated for newer Engines only
	if endpoint != nil && endpoint.MacAddress == s.Config.MacAddress {
		endpoint.MacAddress = ""
	}
}
