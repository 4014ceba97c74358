package runspec

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"

	"mesos-docker-containerizer/containerizer/engine"
)

// amend adds what no argument of docker run expresses, and resets options that a parameter may set but the daemon handles itself
// (rules.go lists them, with reasons).
func (r *runOptions) amend(spec *Spec, o Options) error {
	config, host := spec.Config, spec.HostConfig
	for label := range config.Labels {
		if strings.HasPrefix(strings.TrimSpace(label), engine.LabelPrefix) {
			return fault("container.docker.parameters", "label %s is refused: labels that begin with %s are the containerizer's own",
				Quote(label), engine.LabelPrefix)
		}
	}
	if err := spec.suitEngine(o.EngineAPI, r.parameters); err != nil {
		return err
	}
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	host.AutoRemove = false
	config.OpenStdin, config.AttachStdin, config.StdinOnce = false, false, false

	// Docker's parser keeps both in sets, so they come out in any order.
	slices.Sort(config.Env)
	r.sortBinds(host.Binds)

	host.Mounts = append(host.Mounts, r.mounts...)
	if config.Tty {
		host.ConsoleSize = r.consoleSize
	}
	if host.LogConfig.Type == "" && len(host.LogConfig.Config) == 0 {
		host.LogConfig = container.LogConfig{Type: o.LogDriver, Config: map[string]string{}}
		maps.Copy(host.LogConfig.Config, o.LogOpts)
	}
	spec.TTY = config.Tty
	return nil
}

// sortBinds brings binds into the order in which they were asked for: the volumes, the sandbox, the parameters.
func (r *runOptions) sortBinds(binds []string) {
	order := make(map[string]int, len(binds))
	for i, bind := range r.binds {
		order[bind] = i
	}
	for i, p := range r.parameters {
		if _, known := order[p.value]; p.name == "volume" && !known {
			order[p.value] = len(r.binds) + i
		}
	}
	slices.SortStableFunc(binds, func(a, b string) int { return order[a] - order[b] })
}

// firstAPI is the first version of the Engine API that knows an option, for options that a supported Engine may be too old for.
// Engines ignore fields that they do not know, so the docker command refuses such an option, and so do we.
var firstAPI = map[string]string{
	"annotation":            "1.43",
	"cgroupns":              "1.41",
	"gpus":                  "1.40",
	"health-start-interval": "1.44",
	"platform":              "1.41",
}

// firstAPIOfPart is the same for a part of an option's value. The docker command does not check these: an older Engine mounts the whole
// volume, or fails at the start.
var firstAPIOfPart = map[string]map[string]string{
	"mount":        {"volume-subpath": "1.45", "bind-create-src": "1.42"},
	"security-opt": {"seccomp=builtin": "1.42", "seccomp:builtin": "1.42"},
}

// tooOld is an error if a version of the API does not know the parameter.
func (p *parameter) tooOld(version string) error {
	what, first := p.name, firstAPI[p.name]
	for part := range strings.SplitSeq(p.value, ",") {
		part = strings.Trim(part, `"`)
		key, _, _ := strings.Cut(part, "=")
		for _, named := range []string{key, part} {
			if of, found := firstAPIOfPart[p.name][named]; found {
				what, first = p.name+" "+named, of
			}
		}
	}
	return tooOld(p.field, what, first, version)
}

func tooOld(field, what, first, version string) error {
	if first == "" || !versions.LessThan(version, first) {
		return nil
	}
	return fault(field, `"--%s" requires API version %s, but the Docker daemon API version is %s`, what, first, version)
}

// macPerNetworkAPI is the version with which a MAC address became one of a network. Before, the container had one.
const macPerNetworkAPI = "1.44"

// suitEngine refuses options that the Engine is too old for, with docker's message, and moves what older Engines expect elsewhere.
// An empty version means that the Engine knows all options.
func (s *Spec) suitEngine(version string, given []parameter) error {
	if version == "" {
		return nil
	}
	for _, p := range given {
		if err := p.tooOld(version); err != nil {
			return err
		}
	}
	if s.Networking == nil {
		return nil
	}
	for _, endpoint := range s.Networking.EndpointsConfig {
		if endpoint != nil && endpoint.GwPriority != 0 {
			if err := tooOld("container.docker.parameters", "network gw-priority", "1.48", version); err != nil {
				return err
			}
		}
	}
	if versions.LessThan(version, macPerNetworkAPI) {
		s.moveMACAddress()
	}
	return nil
}

// moveMACAddress removes the MAC address of the container's first network; docker's parser has set it in Config as well. The client
// refuses to send an address of a network to an Engine that takes one for the container.
func (s *Spec) moveMACAddress() {
	endpoint := s.Networking.EndpointsConfig[s.HostConfig.NetworkMode.NetworkName()]
	//lint:ignore SA1019 the field is deprecated for newer Engines only
	if endpoint != nil && endpoint.MacAddress == s.Config.MacAddress {
		endpoint.MacAddress = ""
	}
}
