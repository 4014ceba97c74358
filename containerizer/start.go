package containerizer

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// createOnce creates the container, and only one, whatever becomes of the answers: what was lost is settled by inspecting the
// name. If that cannot be settled in time the name gets a tombstone.
func (s *session) createOnce(ctx context.Context, spec *runspec.Spec) (c *engine.Container, err error) {
	lost := false // an answer was: a container may appear whatever inspect says now
	defer func() {
		if lost && c == nil {
			s.server.graves.bury(s.name)
		}
	}()
	for {
		if err := s.killed(); err != nil {
			return nil, err
		}
		id, warnings, err := s.server.engine.Create(ctx, s.name, spec.Config, spec.HostConfig, spec.Networking, spec.Platform)
		for _, w := range warnings {
			s.logger.Warn("the Engine warns", zap.String("warning", w))
		}
		if err == nil {
			return created(id, spec), nil
		}
		if !engine.IsConflict(err) && !engine.IsUnavailable(err) && ctx.Err() == nil {
			return nil, err
		}
		lost = lost || !engine.IsConflict(err)
		found, err := s.settle(ctx, s.name)
		switch {
		case engine.IsNotFound(err): // not created, or not visible yet: the Engine takes the name before that
			if err := s.pauseUnlessKilled(ctx); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		case s.owns(found):
			return found, nil
		}
		if err := s.makeRoom(ctx, found); err != nil {
			return nil, err
		}
	}
}

// pauseUnlessKilled waits before the Engine is asked again.
func (s *session) pauseUnlessKilled(ctx context.Context) error {
	select {
	case <-time.After(settleWait):
		return nil
	case <-s.kills.asked:
		return errKilled
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// makeRoom removes a container that has the name and is a dead executor's of ours, or waits a moment if it must be kept for now.
// Any other is left alone.
func (s *session) makeRoom(ctx context.Context, found *engine.Container) error {
	inUse := fmt.Errorf("container name %s is in use by container %s, which is not this task's", s.name, found.ID)
	labels, _ := engine.ParseLabels(found.Config.Labels)
	if !labels.Ours(s.server.instance.id, found.Name) {
		return inUse
	}
	if alive, err := processOf(labels).Alive(); alive || err != nil {
		return inUse
	}
	if s.server.keeping.holds(s.name) {
		return s.pauseUnlessKilled(ctx)
	}
	s.logger.Warn("removing the container of a dead executor that has the task's name", zap.String("container", found.ID))
	err := s.server.engine.Remove(ctx, found.ID)
	if err == nil {
		s.server.Metrics.ContainerRemoved()
	}
	return err
}

// created is what is known of a container right after its create.
func created(id string, spec *runspec.Spec) *engine.Container {
	c := known(id)
	c.Config = spec.Config
	return c
}

// start hands the output to the executor and starts the container. The order is what makes every byte of output arrive and no
// task start twice: the executor knows the container and holds its output before anything can run.
//
// Once the start was done the Engine has all the time it needs to tell how it went: a container that runs is not given up for
// a deadline. With an error the container that may run is returned, to be stopped.
func (s *session) start(ctx, bounded context.Context, c *engine.Container) (*engine.Container, error) {
	if err := s.handOverOutput(bounded, c); err != nil {
		return c, err
	}
	for {
		if err := s.killed(); err != nil {
			return c, err
		}
		err := s.server.engine.Start(bounded, c.ID)
		if err == nil {
			break
		}
		if !engine.IsUnavailable(err) && bounded.Err() == nil {
			return c, err
		}
		found, err := s.settle(bounded, c.ID)
		if engine.IsNotFound(err) {
			return nil, errVanished
		}
		if err != nil {
			return c, err
		}
		if !startedAt(found).IsZero() {
			return found, nil
		}
	}
	asking, cancel := until(ctx, s.gone, errExecutorGone)
	defer cancel()
	started, err := s.settle(asking, c.ID)
	switch {
	case engine.IsNotFound(err):
		return nil, errVanished
	case err != nil:
		return c, err
	}
	return started, nil
}

// handOverOutput gives the executor the container's output from its first byte on.
func (s *session) handOverOutput(ctx context.Context, c *engine.Container) error {
	var output *os.File
	lost := s.server.watch.lost()
	if err := untilAnswered(ctx, engine.IsUnavailable, func() (err error) {
		output, err = s.server.engine.AttachOutput(ctx, c.ID)
		return err
	}); err != nil {
		return err
	}
	defer output.Close()
	s.mu.Lock()
	s.resume, s.opened = nil, lost // this stream is complete
	s.mu.Unlock()
	s.mention(wire.Message{Output: &wire.Output{TTY: c.Config.Tty}}, output)
	return nil
}

// reportRunning tells the executor that the container was started and whether it still runs.
func (s *session) reportRunning(c *engine.Container) bool {
	ipv4, ipv6 := addresses(c)
	s.say(wire.Message{Running: &wire.Running{IPv4: ipv4, IPv6: ipv6, Inspect: c.Raw, Note: s.note}})
	return c.State.Running
}

// addresses are the container's in the network it was created with (contract section 3.2).
func addresses(c *engine.Container) (ipv4, ipv6 string) {
	if c.NetworkSettings == nil || c.HostConfig == nil {
		return "", ""
	}
	mode := c.HostConfig.NetworkMode
	endpoint := c.NetworkSettings.Networks[string(mode)]
	if mode.IsDefault() {
		endpoint = c.NetworkSettings.Networks["bridge"]
	}
	if endpoint == nil {
		for _, any := range c.NetworkSettings.Networks { // named by id: there is one then
			endpoint = any
		}
	}
	if endpoint == nil {
		return "", ""
	}
	return endpoint.IPAddress, endpoint.GlobalIPv6Address
}

// startedAt is zero for a container that was never started.
func startedAt(c *engine.Container) time.Time { return engineTime(c.State.StartedAt) }

// finishedAt is zero for a container that has not ended.
func finishedAt(c *engine.Container) time.Time { return engineTime(c.State.FinishedAt) }

// engineTime reads a time of the Engine's. What cannot be read is zero, and so is the Engine's "0001-01-01T00:00:00Z".
func engineTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
