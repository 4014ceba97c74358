package policy

import (
	"context"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"mesos-docker-containerizer/containerizer/engine"
)

// Subject is what is about to be created, and for whom. Check changes none of it.
type Subject struct {
	Config     *container.Config
	HostConfig *container.HostConfig
	Networking *network.NetworkingConfig

	// Networks are the names of those that plugins join the container to, beside what HostConfig and Networking say.
	Networks []string

	// Image is the image as it will be pulled.
	Image string

	// Parameters are the names of the docker parameters that the task declares, however they came out.
	Parameters []string

	// Sandbox is the task's own sandbox on the host, an absolute path that the caller vouches for. What lies in it, once
	// symlinks are followed, the task may mount.
	Sandbox string

	// User is the user that the executor runs as where that is not root, nil for root's executors. For such a user only what
	// a policy file allows may affect the host.
	User *User
}

// Inspector asks the Engine about what a task refers to; an *engine.Client is one. Of its errors those that errdefs.IsNotFound knows
// mean that there is no such thing; any other keeps the task from being checked.
type Inspector interface {
	Inspect(ctx context.Context, idOrName string) (engine.Container, error)
	InspectVolume(ctx context.Context, name string) (volume.Volume, error)
}

// Check returns nil if all of the subject is allowed, a *Refusal about the first thing that is not, and another error where the
// Engine could not be asked: that one says nothing about the task.
func (p *Policy) Check(ctx context.Context, s Subject, inspector Inspector) error {
	d := p.current.Load()
	if d.force == nil && s.User == nil {
		return nil
	}
	c := &check{decision: d, Subject: s, trusted: s.User == nil, inspector: inspector}
	if c.HostConfig == nil {
		c.HostConfig = &container.HostConfig{}
	}
	if c.Config == nil {
		c.Config = &container.Config{}
	}
	if c.Networking == nil {
		c.Networking = &network.NetworkingConfig{}
	}
	steps := []func(){
		c.checkUnknown,
		c.checkParameters,
		c.checkImages,
		c.checkPrivileged,
		c.checkConfinement,
		c.checkUser,
		c.checkCapabilities,
		c.checkNamespaces,
		c.checkDevices,
		c.checkNetworks,
		c.checkRuntime,
		c.checkLog,
		func() { c.checkMounts(ctx) },
	}
	for _, step := range steps {
		if step(); c.failed != nil {
			return c.failed
		}
	}
	return nil
}

// check is one subject before the policy.
type check struct {
	*decision
	Subject
	trusted   bool
	inspector Inspector
	failed    error // the first refusal or error; later ones are not kept
}

func (c *check) fail(err error) {
	if c.failed == nil {
		c.failed = err
	}
}

// demand is one thing that a subject asks for.
type demand struct {
	field  string // of docker's types
	value  string // of the field
	reason string // in words
}

// permit decides a demand by a rule, and fails the check if no item allows it. covers tells whether an item does.
func permit[T any](c *check, l *list[T], d demand, covers func(T) bool) {
	if !l.settled(c.trusted) && !slices.ContainsFunc(l.items, covers) {
		c.fail(l.refuse(d))
	}
}

func (o origin) refuse(d demand) *Refusal {
	return &Refusal{Rule: o.rule, Source: o.source, Field: d.field, Value: d.value, Reason: d.reason}
}

// is covers what equals a value.
func is(value string) func(string) bool {
	return func(item string) bool { return item == value }
}

// never covers nothing, for what is not understood.
func never[T any](T) bool { return false }
