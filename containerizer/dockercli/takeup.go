package dockercli

import (
	"context"
	"fmt"
	"maps"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
)

// callLabel is on the container of a run, with the id of its call: so a run that is asked for again finds its own container and
// creates no second one. It is none of the labels by which the daemon recovers tasks.
const callLabel = engine.LabelPrefix + "docker_call"

// labels are those of the command line and our own.
func (r *running) labels() map[string]string {
	if r.call.ID == "" {
		return r.line.Config.Labels
	}
	labels := maps.Clone(r.line.Config.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[callLabel] = r.call.ID
	return labels
}

// owns reports whether a container was created for this call.
func (r *running) owns(c engine.Container) bool {
	return r.call.ID != "" && c.Config.Labels[callLabel] == r.call.ID
}

// takeUp goes on with a run whose client knows its container.
func (r *running) takeUp(ctx context.Context, c protocol.Container) error {
	r.container = c
	if !engine.ValidName(c.ID) {
		return failedRun(fmt.Errorf("%q is no container's id", c.ID))
	}
	found, err := r.settle(ctx, c.ID)
	if engine.IsNotFound(err) {
		return failedRun(fmt.Errorf("the container %s was removed while the daemon was away, and its exit status is not known", c.Name))
	}
	if err != nil {
		return r.failedWith(err, "")
	}
	return r.carryOn(ctx, found)
}

// takeUpByName goes on with a run whose client heard nothing of a container, if there is one all the same. Signals wait until
// that is known: what they mean depends on it.
func (r *running) takeUpByName(ctx context.Context) (done bool, err error) {
	found, err := r.settle(ctx, r.container.Name)
	switch {
	case engine.IsNotFound(err):
		return false, nil
	case err != nil:
		return true, r.failed(err)
	case !r.owns(found):
		return false, nil // the Engine will say that the name is taken
	}
	r.container.ID = found.ID
	if err := r.call.Client.Created(r.container); err != nil {
		return true, err
	}
	return true, r.carryOn(ctx, found)
}

// carryOn goes on with a container that an earlier daemon has created for this call.
func (r *running) carryOn(ctx context.Context, found engine.Container) error {
	started := wasStarted(found)
	r.started.Store(started)
	ctx, stop := r.watchSignals(ctx)
	defer stop()
	return r.carryOut(ctx, started)
}

// settle inspects a container until the Engine answers.
func (r *running) settle(ctx context.Context, idOrName string) (engine.Container, error) {
	for {
		c, err := r.Engine.Inspect(ctx, idOrName)
		if !engine.IsUnavailable(err) {
			return c, err
		}
		if err := pause(ctx, answerInterval); err != nil {
			return c, err
		}
	}
}

func wasStarted(c engine.Container) bool { return !engineTime(c.State.StartedAt).IsZero() }

// engineTime reads a time of the Engine's. What cannot be read is zero, and so is the Engine's "0001-01-01T00:00:00Z".
func engineTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
