package policy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"mesos-docker-containerizer/containerizer/engine"
)

func mustNew(t testing.TB, o Options) *Policy {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantRefused returns the refusal that the subject must meet.
func wantRefused(t testing.TB, p *Policy, s Subject, inspector Inspector) *Refusal {
	t.Helper()
	err := p.Check(context.Background(), s, inspector)
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		t.Fatalf("not refused: %v", err)
	}
	return refusal
}

// fakeEngine knows containers and volumes by name.
type fakeEngine struct {
	containers map[string]container.InspectResponse
	volumes    map[string]volume.Volume
	err        error // of every call
}

func (f fakeEngine) Inspect(_ context.Context, name string) (engine.Container, error) {
	c, ok := f.containers[name]
	if f.err == nil && !ok {
		return engine.Container{}, errdefs.ErrNotFound
	}
	return engine.Container{InspectResponse: c}, f.err
}

func (f fakeEngine) InspectVolume(_ context.Context, name string) (volume.Volume, error) {
	v, ok := f.volumes[name]
	if f.err == nil && !ok {
		return v, errdefs.ErrNotFound
	}
	return v, f.err
}

// anySource is where the rules of tests are set.
const anySource = "/etc/mesos-docker-containerizer"

// rules makes options of "name=items", items separated by commas.
func rules(t testing.TB, text ...string) Options {
	t.Helper()
	o := Options{Allowed: map[string]Rule{}}
	for _, line := range text {
		name, value, _ := strings.Cut(line, "=")
		source := anySource + "/" + name
		if name == rulePrivileged {
			o.AllowPrivileged = Switch{Source: source, Allow: value == "true"}
			continue
		}
		o.Allowed[name] = Rule{Source: source, Items: strings.Split(value, ",")}
	}
	return o
}

// subject makes the subject of a test.
func subject(change func(*container.Config, *container.HostConfig, *network.NetworkingConfig)) Subject {
	s := Subject{
		Config:     &container.Config{Image: "registry.example/team/app:1"},
		HostConfig: &container.HostConfig{NetworkMode: "bridge"},
		Networking: &network.NetworkingConfig{},
		Image:      "registry.example/team/app:1",
	}
	if change != nil {
		change(s.Config, s.HostConfig, s.Networking)
	}
	return s
}

// host makes a subject that differs in its HostConfig.
func host(change func(h *container.HostConfig)) Subject {
	return subject(func(_ *container.Config, h *container.HostConfig, _ *network.NetworkingConfig) { change(h) })
}
