package gpu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// Unavailable says that a host does not have what a task asks for, even without other tasks. It is the task's fault.
type Unavailable struct{ text string }

func (e *Unavailable) Error() string { return e.text }

// Taken says that too few devices are free, and who holds them.
type Taken struct{ text string }

func (e *Taken) Error() string { return e.text }

// holders says who holds a unit, by its identity.
type holders map[string]string

// Grant is what a container is given.
type Grant struct {
	// Devices are what the container holds, for its label and for people.
	Devices []Device

	keys    set
	wish    wish
	cdi     []string // names to ask for
	uuids   []string // to ask NVIDIA's driver for
	changes bool     // what is created differs from what was asked for
}

// choose decides what a wish gets.
func (inv *Inventory) choose(w wish, held holders) (*Grant, error) {
	g := &Grant{keys: set{}, wish: w}
	named, unknown, ambiguous := inv.resolve(w)
	switch {
	case len(inv.units) == 0 && (w.all || w.count > 0 || len(w.ids) > 0):
		return nil, inv.unavailable("this host has none")
	case len(unknown) > 0:
		return nil, inv.unavailable(fmt.Sprintf("this host does not have %s; it has %s", strings.Join(unknown, ", "), inv.describe(inv.units)))
	case len(ambiguous) > 0:
		return nil, inv.unavailable(fmt.Sprintf("%s is the name of several devices; this host has %s", strings.Join(ambiguous, ", "), inv.describe(inv.units)))
	}
	var busy []*group
	take := func(units []*group) {
		for _, u := range units {
			switch key := u.identity.String(); {
			case g.keys[key]:
			case held[key] != "":
				busy = append(busy, u)
			default:
				g.keys[key] = true
				g.Devices = append(g.Devices, u.record())
			}
		}
	}
	for _, n := range named {
		take(inv.covered(n))
		g.request(n)
	}
	take(inv.byNode(w))
	if len(busy) > 0 {
		return nil, &Taken{"the GPUs that the task asks for are not free: " + inv.who(busy, held)}
	}
	if err := inv.chooseByNumber(g, len(g.Devices), held, take); err != nil {
		return nil, err
	}
	g.changes = g.wish.runtime || len(g.cdi)+len(g.uuids) > 0
	return g, nil
}

// chooseByNumber adds to what was named, of one kind, until there are as many as are asked for. Slices are given by name alone.
func (inv *Inventory) chooseByNumber(g *Grant, has int, held holders, take func([]*group)) error {
	w := g.wish
	if need := w.count - has; !w.all && need <= 0 {
		return nil
	}
	var short error
	for _, kind := range inv.kinds() {
		units := inv.whole(kind)
		if !units[0].best().of(w.vendor) {
			continue
		}
		var free, busy []*group
		for _, u := range units {
			switch key := u.identity.String(); {
			case g.keys[key]:
			case held[key] != "":
				busy = append(busy, u)
			default:
				free = append(free, u)
			}
		}
		need := w.count - has
		if w.all {
			need = len(free) + len(busy)
		}
		if need <= len(free) {
			for _, u := range free[:need] {
				take([]*group{u})
				g.request(u)
			}
			return nil
		}
		if _, taken := short.(*Taken); !taken && need <= len(free)+len(busy) {
			short = &Taken{fmt.Sprintf("the task asks for %s, and %d of %d are free: %s", numbered(w), len(free), len(units), inv.who(busy, held))}
		}
	}
	if short != nil {
		return short
	}
	return inv.unavailable(fmt.Sprintf("the task asks for %s, and this host has %s", numbered(w), inv.describe(inv.units)))
}

func numbered(w wish) string {
	number := "all GPUs"
	if !w.all {
		number = fmt.Sprintf("%d GPUs", w.count)
	}
	if w.vendor != "" {
		number += " of " + w.vendor
	}
	return number
}

// request adds a group to what the Engine is asked for.
func (g *Grant) request(n *group) {
	name := n.best().Name
	switch {
	case slices.Contains(g.cdi, name) || slices.Contains(g.uuids, name):
	case n.best().byCDI:
		g.cdi = append(g.cdi, name)
	default:
		g.uuids = append(g.uuids, name)
	}
}

func (inv *Inventory) unavailable(text string) error {
	if len(inv.Problems) > 0 {
		text += " (" + strings.Join(inv.Problems, "; ") + ")"
	}
	return &Unavailable{"GPUs cannot be had: " + text}
}

func (inv *Inventory) describe(units []*group) string {
	var names []string
	for _, u := range units {
		names = append(names, u.best().Name)
	}
	if names == nil {
		return "no GPUs that could be handed out by number"
	}
	return strings.Join(names, ", ")
}

// who says by whom units are held.
func (inv *Inventory) who(units []*group, held holders) string {
	var all []string
	for _, u := range units {
		all = append(all, u.best().Name+" is held by "+held[u.identity.String()])
	}
	return strings.Join(all, ", ")
}

// Apply makes of a configuration that asks for GPUs one that names those of the grant. Both are changed, but nothing that they refer to.
func (g *Grant) Apply(config *container.Config, host *container.HostConfig) {
	if g == nil || !g.changes {
		return
	}
	var requests []container.DeviceRequest
	for _, r := range host.DeviceRequests {
		if r.Driver == "cdi" {
			r.DeviceIDs = slices.DeleteFunc(slices.Clone(r.DeviceIDs), isGPU)
			if len(r.DeviceIDs) == 0 {
				continue
			}
		} else if asksForGPU(r) {
			continue
		}
		requests = append(requests, r)
	}
	if len(g.cdi) > 0 {
		requests = append(requests, container.DeviceRequest{Driver: "cdi", DeviceIDs: g.cdi})
	}
	if len(g.uuids) > 0 && !g.wish.runtime {
		request := container.DeviceRequest{Driver: "nvidia", DeviceIDs: g.uuids, Capabilities: g.wish.capabilities, Options: g.wish.options}
		if len(request.Capabilities) == 0 {
			request.Capabilities = [][]string{{"gpu"}}
		}
		requests = append(requests, request)
	}
	host.DeviceRequests = requests
	if !g.wish.runtime {
		return
	}
	// The image may have the variable, too, and then for all of them.
	value := "void"
	if len(g.uuids) > 0 {
		value = strings.Join(g.uuids, ",")
	}
	env := slices.DeleteFunc(slices.Clone(config.Env), func(variable string) bool {
		name, old, _ := strings.Cut(variable, "=")
		if name == visible && old == "none" && len(g.uuids) == 0 {
			value = old // no GPU, and what else the driver brings
		}
		return name == visible
	})
	config.Env = append(env, visible+"="+value)
}
