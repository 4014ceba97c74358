package gpu

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// nvidiaKind is the CDI kind of NVIDIA's GPUs, and what NVIDIA's own driver is filed under.
const nvidiaKind = "nvidia.com/gpu"

// found is a device of one source.
type found struct {
	Device
	kind  string   // as "nvidia.com/gpu"
	ids   []string // by which it is known within the kind
	byCDI bool     // the name is CDI's; otherwise NVIDIA's driver has to be asked by the uuid
}

// group is everything that has one identity.
type group struct {
	identity set
	names    []found // best first
	slice    bool
	nodes    set // all of them, canonical
}

func (g *group) best() found { return g.names[0] }

// record is the group as a label has it.
func (g *group) record() Device {
	return Device{Name: g.best().Name, Nodes: identityNodes(g.best().Nodes)}
}

func (g *group) has(id string) bool {
	return slices.ContainsFunc(g.names, func(f found) bool { return slices.Contains(f.ids, id) })
}

// index is the number by which Engine and NVIDIA count, and a large one for a group without any.
func (g *group) index() int {
	index := math.MaxInt
	for _, f := range g.names {
		for _, id := range f.ids {
			if n, err := strconv.Atoi(id); err == nil {
				index = min(index, n)
			}
		}
	}
	return index
}

// Inventory is what a host has.
type Inventory struct {
	groups []*group
	units  []*group       // those that no other is a part of, in the order in which Engines count
	common set            // nodes that several units share, as AMD's /dev/kfd
	others map[string]set // nodes of CDI devices of other classes, by name

	// Problems say why devices that there seem to be cannot be handed out.
	Problems []string
}

// newInventory groups devices by identity.
func newInventory(all []found, problems []string) *Inventory {
	inv := &Inventory{common: set{}, Problems: problems}
	by := map[string]*group{}
	for _, f := range all {
		identity := identity(f.Device)
		key := identity.String()
		g := by[key]
		if g == nil {
			g = &group{identity: identity, nodes: set{}}
			by[key] = g
			inv.groups = append(inv.groups, g)
		}
		g.names = append(g.names, f)
		g.slice = g.slice || isSlice(f.Name)
		for _, n := range f.Nodes {
			g.nodes[canonical(n)] = true
		}
	}
	for _, g := range inv.groups {
		slices.SortFunc(g.names, func(a, b found) int { return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name)) })
	}
	for _, g := range inv.groups {
		if !slices.ContainsFunc(inv.groups, func(h *group) bool { return h != g && partOf(h.identity, h.slice, g.identity, g.slice) }) {
			inv.units = append(inv.units, g)
		}
	}
	slices.SortFunc(inv.units, func(a, b *group) int {
		return cmp.Or(strings.Compare(a.best().kind, b.best().kind), cmp.Compare(a.index(), b.index()), strings.Compare(a.best().Name, b.best().Name))
	})
	shared := map[string]int{}
	for _, u := range inv.units {
		for n := range u.nodes {
			if shared[n]++; !u.slice && shared[n] > 1 {
				inv.common[n] = true
			}
		}
	}
	return inv
}

// rank orders the names of one device: those that CDI knows come first, then those that stay the same whatever else is in the host.
func (f found) rank() int {
	_, id := split(f.Name)
	switch {
	case !f.byCDI:
		return 3
	case id == "all":
		return 2
	case isUUID(id):
		return 0
	}
	return 1
}

// partOf tells whether having b means having a, too. A slice is a part of its GPU, whose node it needs beside its own.
func partOf(a set, slice bool, b set, otherSlice bool) bool {
	switch {
	case slice && !otherSlice && b.within(a):
		return true
	case !slice && otherSlice:
		return false
	}
	return len(a) < len(b) && a.within(b)
}

// related tells whether two identities cannot be had by two containers.
func related(a set, slice bool, b set, otherSlice bool) bool {
	return a.within(b) && b.within(a) || partOf(a, slice, b, otherSlice) || partOf(b, otherSlice, a, slice)
}

// covered are the units that a group stands for: itself, or its parts.
func (inv *Inventory) covered(g *group) []*group {
	return inv.those(func(u *group) bool { return related(u.identity, u.slice, g.identity, g.slice) })
}

// those are the units for which a condition holds.
func (inv *Inventory) those(hold func(*group) bool) (units []*group) {
	for _, u := range inv.units {
		if hold(u) {
			units = append(units, u)
		}
	}
	return units
}

// addKeys adds the identities of units.
func (s set) addKeys(units []*group) {
	for _, u := range units {
		s[u.identity.String()] = true
	}
}

// keys are the identities that devices of a label hold today: by their uuid, else by their nodes. One that the host does not have any
// more is a key of its own.
func (inv *Inventory) keys(devices []Device) set {
	s := set{}
	for _, d := range devices {
		_, id := split(d.Name)
		g := &group{identity: identity(d), slice: isSlice(d.Name)}
		if i := slices.IndexFunc(inv.groups, func(g *group) bool { return isUUID(id) && g.has(id) }); i >= 0 {
			g = inv.groups[i]
		}
		units := inv.covered(g)
		if len(units) == 0 {
			units = []*group{g}
		}
		s.addKeys(units)
	}
	return s
}

// touched are the units that one of these nodes belongs to.
func (inv *Inventory) touched(nodes set) []*group {
	return inv.those(func(u *group) bool {
		for n := range u.nodes {
			if nodes[n] && !inv.common[n] {
				return true
			}
		}
		return false
	})
}

// kinds are the kinds of whole devices, the most frequent first.
func (inv *Inventory) kinds() []string {
	count := map[string]int{}
	var kinds []string
	for _, u := range inv.units {
		if !u.slice {
			if count[u.best().kind]++; count[u.best().kind] == 1 {
				kinds = append(kinds, u.best().kind)
			}
		}
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return count[b] - count[a] })
	return kinds
}

// whole are the units of a kind that are no slices.
func (inv *Inventory) whole(kind string) []*group {
	return inv.those(func(u *group) bool { return !u.slice && u.best().kind == kind })
}

// Units are the devices that can be handed out, each with its names.
func (inv *Inventory) Units() (names [][]string) {
	for _, u := range inv.units {
		var all []string
		for _, f := range u.names {
			all = append(all, f.Name)
		}
		names = append(names, slices.Compact(all))
	}
	return names
}
