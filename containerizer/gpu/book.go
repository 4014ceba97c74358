package gpu

import (
	"context"
	"fmt"
	"strings"

	docker "github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
)

// Engine is what a book asks, an *engine.Client.
type Engine interface {
	Info(context.Context) (engine.Info, error)
	ListAll(ctx context.Context, stoppedToo bool) ([]docker.Summary, error)
	Inspect(ctx context.Context, idOrName string) (engine.Container, error)
}

// Book knows who holds which device. It is safe for concurrent use. All that create containers on one Engine with devices of this host
// share one, where they can: for others, Confirm.
type Book struct {
	engine    Engine
	inventory func(engine.Info) *Inventory // Discover, but in tests
	logger    *zap.Logger

	busy    chan struct{}      // held by who reads or writes what follows
	pending map[string]pending // by the name of a container that is being created
	wishes  map[string]wish    // of containers without a label of ours, by id: they never change
}

// pending is a grant whose container may not be there yet.
type pending struct {
	grant *Grant
	who   string
}

// NewBook returns an empty book. The directory of NVIDIA's driver is meant to be the constant Driver.
func NewBook(e Engine, driver string, logger *zap.Logger) *Book {
	return &Book{
		engine: e, inventory: func(i engine.Info) *Inventory { return Discover(i, driver) }, logger: logger,
		busy: make(chan struct{}, 1), pending: map[string]pending{}, wishes: map[string]wish{},
	}
}

// Request is a container that is to be created.
type Request struct {
	Name       string // of the container
	Who        string // it is for, in words: "task a of framework b"
	Config     *docker.Config
	HostConfig *docker.HostConfig
	Default    string // the Engine's default runtime
}

// Take decides what a container is given and holds it until release is called, which is when the container is created or will not be.
// The grant is nil for one that asks for nothing. The error is *Unavailable, *Taken, the Engine's or that of ctx; of the Engine's,
// engine.IsUnavailable ones may pass.
func (b *Book) Take(ctx context.Context, r Request) (grant *Grant, release func(), err error) {
	release = func() {}
	w := readWish(r.Config, r.HostConfig, r.Default)
	if w.none() {
		if w.runtime {
			return &Grant{wish: w, changes: true}, release, nil
		}
		return nil, release, nil
	}
	if err := b.lock(ctx); err != nil {
		return nil, release, err
	}
	defer b.unlock()
	inv, err := b.discover(ctx)
	if err != nil {
		return nil, release, err
	}
	held := holders{}
	if len(inv.units) > 0 {
		if held, err = b.held(ctx, inv, r.Name); err != nil {
			return nil, release, err
		}
	}
	grant, err = inv.choose(w, held)
	if err != nil || len(grant.keys) == 0 {
		return grant, release, err
	}
	b.pending[r.Name] = pending{grant: grant, who: fmt.Sprintf("%s (container %s)", r.Who, r.Name)}
	b.logger.Info("GPUs given", zap.String("container", r.Name), zap.String("devices", Names(grant.Devices)))
	return grant, func() {
		b.busy <- struct{}{} // held for calls of the Engine at most, which have limits
		defer b.unlock()
		if b.pending[r.Name].grant == grant {
			delete(b.pending, r.Name)
		}
	}, nil
}

// Confirm looks whether a created container may be started with the devices that it has, which are not those of a grant where it is the
// work of an earlier create. It may not if another has one of them, and runs or was created before: by another daemon or a person, at the
// same time, or by ours after a create of an earlier daemon took effect late. The container is returned as inspected.
func (b *Book) Confirm(ctx context.Context, id string) (own engine.Container, err error) {
	if err := b.lock(ctx); err != nil {
		return own, err
	}
	defer b.unlock()
	inv, err := b.discover(ctx)
	if err != nil {
		return own, err
	}
	if own, err = b.engine.Inspect(ctx, id); err != nil {
		return own, err
	}
	containers, err := b.containers(ctx, inv, own.Name)
	if err != nil {
		return own, err
	}
	keys, devices := inv.held(wishOf(own)), "those that it asks for"
	if list, err := ParseLabel(own.Config.Labels[engine.DevicesLabel]); err == nil && len(list) > 0 {
		keys, devices = inv.keys(list), Names(list)
	}
	for _, c := range containers {
		shared := false
		for key := range c.keys {
			shared = shared || keys[key]
		}
		if !shared {
			continue
		}
		other, err := b.engine.Inspect(ctx, c.id)
		switch {
		case engine.IsNotFound(err):
			continue
		case err != nil:
			return own, err
		}
		first, second := container.CreatedAt(&own), container.CreatedAt(&other)
		if other.State.Running || second.Before(first) || second.Equal(first) && other.ID < own.ID {
			return own, &Taken{fmt.Sprintf("GPUs of the container (%s) were given away twice at the same time, and are held by %s", devices, c.who)}
		}
	}
	return own, nil
}

func (b *Book) discover(ctx context.Context) (*Inventory, error) {
	info, err := b.engine.Info(ctx)
	if err != nil {
		return nil, err
	}
	return b.inventory(info), nil
}

// holder is a container that has devices.
type holder struct {
	id   string
	who  string
	keys set
}

// held says who has which device: containers and, but for one name, who is about to get one.
func (b *Book) held(ctx context.Context, inv *Inventory, except string) (holders, error) {
	containers, err := b.containers(ctx, inv, except)
	if err != nil {
		return nil, err
	}
	held := holders{}
	for _, c := range containers {
		for key := range c.keys {
			held[key] = c.who
		}
	}
	for name, p := range b.pending {
		if name == except {
			continue
		}
		for key := range inv.keys(p.grant.Devices) {
			held[key] = p.who
		}
	}
	return held, nil
}

// containers are those that hold devices, but for one name: all that are created and have not exited.
func (b *Book) containers(ctx context.Context, inv *Inventory, except string) (all []holder, err error) {
	list, err := b.engine.ListAll(ctx, true)
	if err != nil {
		return nil, err
	}
	there := map[string]wish{}
	for _, c := range list {
		switch c.State {
		case docker.StateCreated, docker.StateRunning, docker.StatePaused, docker.StateRestarting:
		default:
			continue
		}
		name := engine.ListedName(c)
		if name == strings.TrimPrefix(except, "/") {
			continue
		}
		h := holder{id: c.ID}
		labels, _ := engine.ParseLabels(c.Labels) // of a daemon of ours, this one or another, or of nobody
		text, labelled := c.Labels[engine.DevicesLabel]
		if labelled = labelled && labels.Name == name; labelled {
			h.who = fmt.Sprintf("task %s of framework %s (container %s)", labels.Task, labels.Framework, name)
			devices, err := ParseLabel(text)
			if err != nil {
				b.logger.Warn("a label is damaged; what the container was created with counts", zap.String("container", name), zap.Error(err))
				labelled = false
			}
			h.keys = inv.keys(devices)
		}
		if !labelled {
			w, known := b.wishes[c.ID]
			if !known {
				if w, err = b.inspect(ctx, c.ID); err != nil {
					return nil, err
				}
			}
			there[c.ID] = w
			if h.who == "" {
				h.who = fmt.Sprintf("container %s, which is not this daemon's", name)
			}
			h.keys = inv.held(w)
		}
		if len(h.keys) > 0 {
			all = append(all, h)
		}
	}
	b.wishes = there
	return all, nil
}

// inspect reads what a container without our label asked for. One that is gone holds nothing.
func (b *Book) inspect(ctx context.Context, id string) (wish, error) {
	c, err := b.engine.Inspect(ctx, id)
	switch {
	case engine.IsNotFound(err):
		return wish{}, nil
	case err != nil:
		return wish{}, err
	}
	return wishOf(c), nil
}

// wishOf is what a container was created with. Inspect names its runtime, also where that is the default.
func wishOf(c engine.Container) wish {
	if c.HostConfig == nil {
		return wish{}
	}
	return readWish(c.Config, c.HostConfig, "")
}

func (b *Book) lock(ctx context.Context) error {
	select {
	case b.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *Book) unlock() { <-b.busy }
