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
	for s.claimed(labels.Name) { // the session saw the same death and does what is to be done
		select {
		case <-time.After(settleWait):
		case <-ctx.Done():
			return
		}
	}
	s.endOrphan(ctx, id, labels)
}

// endOrphan stops a container that has no executor any more and removes it when its time has come.
func (s *Server) endOrphan(ctx context.Context, id string, labels engine.Labels) {
	logger := s.Logger.With(zap.String("task", labels.Task), zap.String("framework", labels.Framework),
		zap.String("executor", labels.Executor))
	if !s.KillOrphans {
		logger.Warn("a container has lost its executor; docker_kill_orphans is off, so it is left if it runs", zap.String("container", id))
		s.retire(ctx, id, leaveRunning, logger)
		return
	}
	s.retire(ctx, id, max(labels.StopGrace, s.StopTimeout), logger)
}

// leaveRunning in place of a grace period has retire leave a container alone that runs.
const leaveRunning = -1

// retire ends a container that nobody needs any more: stops it if it runs, within the grace period, and removes it when its
// time has come. It tries until the Engine has done it or ctx ends, and looks at the container before each step. Of several
// calls for one container the first does it.
func (s *Server) retire(ctx context.Context, id string, grace time.Duration, logger *zap.Logger) {
	if _, other := s.retiring.LoadOrStore(id, true); other {
		return
	}
	defer s.retiring.Delete(id)
	for {
		wait := killRepeat
		c, err := s.engine.Inspect(ctx, id)
		if err == nil {
			if labels, _ := engine.ParseLabels(c.Config.Labels); !labels.Ours(s.instance.id, c.Name) {
				logger.Error("a container that is not ours is left alone", zap.String("container", id))
				return
			}
			switch due := s.removalTime(&c); {
			case c.State.Running && grace == leaveRunning:
				return
			case c.State.Running:
				logger.Warn("stopping a container whose task has ended or lost its executor", zap.String("container", id))
				if err = s.engine.Stop(ctx, id, grace); err == nil {
					s.Metrics.OrphanStopped()
					continue
				}
			case time.Now().Before(due):
				wait = time.Until(due)
			default:
				err = s.engine.Remove(ctx, id)
			}
			if err == nil && wait == killRepeat {
				s.Metrics.ContainerRemoved()
				logger.Info("container removed", zap.String("container", id))
				return
			}
		}
		if engine.IsNotFound(err) {
			return
		}
		if err != nil && ctx.Err() == nil && !engine.IsConflict(err) { // that is somebody else removing it
			logger.Warn("a container cannot be stopped or removed yet; trying again", zap.String("container", id), zap.Error(err))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// removalTime is when a container that has ended is due: at once on our own routes, on the drop-in route, where agents may still
// want it, RemoveDelay after its end. It is no earlier than was promised to an agent that recovers.
func (s *Server) removalTime(c *engine.Container) time.Time {
	kept := s.keeping.end(c.Name)
	labels, _ := engine.ParseLabels(c.Config.Labels)
	if labels.Route != string(wire.RouteDropIn) {
		return kept
	}
	if due := finishedAt(c).Add(s.RemoveDelay); due.After(kept) {
		return due
	}
	return kept
}
