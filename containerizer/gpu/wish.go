package gpu

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
)

// visible is the variable by which NVIDIA's runtimes are asked for GPUs.
const visible = "NVIDIA_VISIBLE_DEVICES"

// wish is what a container asks for in the ways that there are: device requests, the variable of NVIDIA's runtimes, paths of devices.
type wish struct {
	count   int      // at least so many
	all     bool     // all of one kind
	vendor  string   // of these, as "nvidia"; empty for any
	ids     []string // devices by name or id
	others  []string // CDI devices of other classes
	paths   []string // of devices on the host
	runtime bool     // NVIDIA's runtime runs the container

	capabilities [][]string // for NVIDIA's driver
	options      map[string]string
}

// readWish reads what is created, or what inspect has of it. An empty runtime stands for the Engine's default.
func readWish(config *container.Config, host *container.HostConfig, defaultRuntime string) wish {
	w := wish{runtime: engine.IsNVIDIARuntime(host.Runtime) || host.Runtime == "" && engine.IsNVIDIARuntime(defaultRuntime)}
	for _, r := range host.DeviceRequests {
		w.add(r)
	}
	for _, d := range host.Devices {
		w.paths = append(w.paths, d.PathOnHost)
	}
	if !w.runtime || config == nil {
		return w
	}
	for _, variable := range config.Env {
		name, value, _ := strings.Cut(variable, "=")
		if name != visible || value == "void" || value == "none" {
			continue
		}
		for id := range strings.SplitSeq(value, ",") {
			w.addID(strings.TrimSpace(id))
		}
	}
	return w
}

func (w *wish) add(r container.DeviceRequest) {
	switch {
	case r.Driver == "cdi":
		for _, id := range r.DeviceIDs {
			if isGPU(id) {
				w.ids = append(w.ids, id)
			} else {
				w.others = append(w.others, id)
			}
		}
		return
	case !asksForGPU(r):
		return
	case r.Driver != "":
		w.vendor = r.Driver
	}
	w.capabilities, w.options = r.Capabilities, r.Options
	w.all = w.all || r.Count < 0
	w.count = max(w.count, r.Count)
	for _, id := range r.DeviceIDs {
		w.addID(id)
	}
}

func (w *wish) addID(id string) {
	switch id {
	case "":
	case "all":
		w.all = true
	default:
		w.ids = append(w.ids, id)
	}
}

// asksForGPU tells whether a request is one for GPUs that does not name CDI devices.
func asksForGPU(r container.DeviceRequest) bool {
	return r.Driver != "cdi" && slices.ContainsFunc(r.Capabilities, func(all []string) bool { return slices.Contains(all, "gpu") })
}

// none tells whether nothing is asked for that could be a GPU.
func (w *wish) none() bool {
	return w.count == 0 && !w.all && len(w.ids) == 0 && len(w.others) == 0 && len(w.paths) == 0
}

// resolve finds the groups that are asked for by id. Ids that there are not, or that mean devices of several kinds, are returned apart.
func (inv *Inventory) resolve(w wish) (groups []*group, unknown, ambiguous []string) {
	for _, id := range w.ids {
		var hits []*group
		for _, g := range inv.groups {
			if g.answers(id, w.vendor) {
				hits = append(hits, g)
			}
		}
		switch len(hits) {
		case 0:
			unknown = append(unknown, id)
		case 1:
			groups = append(groups, hits[0])
		default:
			ambiguous = append(ambiguous, id)
		}
	}
	return groups, unknown, ambiguous
}

// answers tells whether a group is what an id means: a name, or the part of one behind the kind.
func (g *group) answers(id, vendor string) bool {
	return slices.ContainsFunc(g.names, func(f found) bool {
		return f.Name == id || slices.Contains(f.ids, id) && f.of(vendor)
	})
}

// of tells whether a device is of a vendor, by the name of its Docker driver.
func (f found) of(vendor string) bool { return vendor == "" || strings.HasPrefix(f.kind, vendor+".") }

// held are the devices that a container which is not ours holds, as far as can be told. Requests by number are what Engine and NVIDIA
// make of them: the first ones.
func (inv *Inventory) held(w wish) set {
	groups, _, _ := inv.resolve(w)
	for _, kind := range inv.kinds() {
		units := inv.whole(kind)
		if !units[0].best().of(w.vendor) {
			continue
		}
		if !w.all {
			units = units[:min(w.count, len(units))]
		}
		groups = append(groups, units...)
		break
	}
	groups = append(groups, inv.byNode(w)...)
	s := set{}
	for _, g := range groups {
		s.addKeys(inv.covered(g))
	}
	return s
}

// byNode are the units whose nodes are asked for, by path or by CDI devices of other classes.
func (inv *Inventory) byNode(w wish) []*group {
	nodes := set{}
	for _, path := range w.paths {
		maps.Copy(nodes, nodesBelow(path))
	}
	for _, name := range w.others {
		maps.Copy(nodes, inv.others[name])
	}
	return inv.touched(nodes)
}
