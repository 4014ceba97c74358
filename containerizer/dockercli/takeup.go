package dockercli

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
)

// callLabel is a label of a run's container, with the id of its call. A repeated run finds its container by it and creates no second
// one. The daemon does not recover tasks by this label.
const callLabel = engine.LabelPrefix + "docker_call"

// labels are those of the command line and our own.
func (r *running) labels() map[string]string {
	labels := maps.Clone(r.line.Config.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[callLabel] = r.id
	return labels
}

// Owns implements container.Owner.
func (r *running) Owns(_ string, labels map[string]string) bool { return labels[callLabel] == r.id }

// takeUp continues a run whose client knows its container.
func (r *running) takeUp(ctx context.Context, c protocol.Container) error {
	if !engine.ValidName(c.ID) {
		return failedRun(fmt.Errorf("%q is no container's id", c.ID))
	}
	r.own(c)
	found, err := r.container.FindByID(ctx, c.ID)
	if errors.Is(err, container.ErrVanished) {
		return failedRun(fmt.Errorf("the container %s was removed while the daemon was away, and its exit status is not known", c.Name))
	}
	if err != nil {
		return r.failedWith(err, "")
	}
	return r.carryOn(ctx, found)
}

// takeUpByName continues a run whose client does not know a container, if there is one. Signals wait until that is known, because
// their meaning depends on it.
func (r *running) takeUpByName(ctx context.Context) (done bool, err error) {
	found, err := r.container.Find(ctx)
	if err != nil {
		r.container.Abandon()
		return true, r.failed(err)
	}
	if found == nil {
		return false, nil
	}
	if err := r.tellCreated(); err != nil {
		return true, err
	}
	return true, r.carryOn(ctx, found)
}

// carryOn continues with a container that an earlier daemon has created for this call.
func (r *running) carryOn(ctx context.Context, found *engine.Container) error {
	if container.StartedAt(found).IsZero() {
		found = nil
	}
	r.started.Store(found != nil)
	ctx, stop := r.watchSignals(ctx)
	defer stop()
	return r.carryOut(ctx, found)
}
