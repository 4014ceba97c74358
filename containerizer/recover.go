package containerizer

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// recover learns which containers an earlier server left, as soon as the Engine answers. The event stream is open before the
// list is made, so that nothing happens between the two unseen. Executors that live attach by themselves; what is left is
// guarded until it is clear that nobody will.
func (s *Server) recover(ctx context.Context) {
	select {
	case <-s.watch.opened:
	case <-ctx.Done():
		return
	}
	for {
		list, err := s.engine.List(ctx, engine.InstanceLabel(s.instance.id))
		if err == nil {
			close(s.recovered)
			s.adopt(ctx, list)
			return
		}
		s.Logger.Warn("the containers of an earlier run cannot be listed yet", zap.Error(err))
		select {
		case <-time.After(settleWait):
		case <-ctx.Done():
			return
		}
	}
}

// adopt guards the containers that are ours, running ones first.
func (s *Server) adopt(ctx context.Context, list []container.Summary) {
	slices.SortStableFunc(list, func(a, b container.Summary) int {
		return cmp.Compare(rank(a), rank(b))
	})
	ours := 0
	for _, c := range list {
		labels, err := engine.ParseLabels(c.Labels)
		name := ""
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		if !labels.Ours(s.instance.id, name) {
			continue // an image committed from one of ours gives its containers our labels, but not the name
		}
		if err != nil {
			s.Logger.Warn("labels of a container are damaged", zap.String("container", c.ID), zap.Error(err))
		}
		ours++
		s.group.Go(func() { s.guard(ctx, c.ID, labels) })
	}
	s.Logger.Info("recovered", zap.Int("containers", ours))
}

func rank(c container.Summary) int {
	if c.State == container.StateRunning {
		return 0
	}
	return 1
}

// processOf is the executor's process as its container's labels name it.
func processOf(l engine.Labels) wire.Process {
	return wire.Process{PID: l.ExecutorPID, StartTime: l.ExecutorStartTime, BootID: l.BootID}
}

// guard waits for the end of the executor of a container from an earlier run. While that lives it will attach, and its session
// then owns the container. When it dies without a session the container is an orphan, or due for removal.
func (s *Server) guard(ctx context.Context, id string, labels engine.Labels) {
	executor, err := openProcess(processOf(labels))
	switch {
	case err == nil:
		err = executor.wait(ctx)
		executor.close()
		if err != nil {
			return
		}
	case errors.Is(err, os.ErrNotExist):
	default: // it cannot be seen: give it the time to attach
		select {
		case <-time.After(s.OrphanGrace):
		case <-ctx.Done():
			return
		}
	}
	if s.claimed(labels.Name) {
		return // its session saw the same death and does what is to be done
	}
	s.endOrphan(ctx, id, labels)
}

// endOrphan stops a container that has no executor any more and removes it when its time has come.
func (s *Server) endOrphan(ctx context.Context, id string, labels engine.Labels) {
	logger := s.Logger.With(zap.String("task", labels.Task), zap.String("framework", labels.Framework),
		zap.String("executor", labels.Executor), zap.String("container", id))
	for {
		c, err := s.engine.Inspect(ctx, id)
		switch {
		case engine.IsNotFound(err):
			return
		case err == nil && !c.State.Running:
			at := time.Time{}
			if labels.Route == string(wire.RouteDropIn) {
				at = finishedAt(&c).Add(s.RemoveDelay)
			}
			s.remove(ctx, id, at, logger)
			return
		case err == nil && !s.KillOrphans:
			logger.Warn("a container has lost its executor; docker_kill_orphans is off, so it is left running")
			return
		case err == nil:
			logger.Warn("stopping a container that has lost its executor")
			err = s.engine.Stop(ctx, id, max(labels.StopGrace, s.StopTimeout))
		}
		if err == nil {
			continue
		}
		if ctx.Err() == nil {
			logger.Warn("an orphan cannot be stopped yet; trying again", zap.Error(err))
		}
		select {
		case <-time.After(killRepeat):
		case <-ctx.Done():
			return
		}
	}
}

// remove removes a container that has ended, at the given time or at once, and keeps trying until the Engine has done it. It
// looks again right before: a container that runs is not removed.
func (s *Server) remove(ctx context.Context, id string, at time.Time, logger *zap.Logger) {
	wait := time.Until(at)
	for {
		select {
		case <-time.After(max(0, wait)):
		case <-ctx.Done():
			return
		}
		wait = killRepeat
		c, err := s.engine.Inspect(ctx, id)
		if err == nil && c.State.Running {
			logger.Warn("a container due for removal runs again; leaving it", zap.String("container", id))
			return
		}
		if err == nil {
			err = s.engine.Remove(ctx, id)
		}
		if err == nil || engine.IsNotFound(err) {
			logger.Info("container removed", zap.String("container", id))
			return
		}
		if ctx.Err() == nil {
			logger.Warn("a container cannot be removed yet; trying again", zap.String("container", id), zap.Error(err))
		}
	}
}
