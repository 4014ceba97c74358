package containerizer

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	docker "github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// surveyInterval is the time between two surveys for which there is no other reason: the Engine drops events under load.
const surveyInterval = time.Minute

// recover learns which containers of the server's there are without a session, and looks after them until ctx ends. There are
// those that an earlier server left; they are known as soon as the Engine answers. And there are those that appear later: the
// Engine may do a create for which that server has asked, and then it knows nothing of the server's tombstones.
//
// The event stream is open before a list is made, so that nothing happens between the two unseen.
func (s *Server) recover(ctx context.Context) {
	select {
	case <-s.watch.survey:
	case <-ctx.Done():
		return
	}
	list, err := s.list(ctx)
	if err != nil {
		return
	}
	close(s.recovered)
	s.Logger.Info("recovered", zap.Int("containers", s.adopt(ctx, list, true)))
	for {
		select {
		case <-s.watch.survey:
		case <-time.After(s.surveyInterval):
		case <-ctx.Done():
			return
		}
		if list, err = s.list(ctx); err != nil {
			return
		}
		if n := s.adopt(ctx, list, false); n > 0 {
			s.Logger.Warn("containers have appeared that no session has", zap.Int("containers", n))
		}
	}
}

// list asks the Engine until it answers. Its error is that of ctx.
func (s *Server) list(ctx context.Context) ([]docker.Summary, error) {
	for {
		list, err := s.engine.List(ctx, engine.InstanceLabel(s.instance.id))
		if err == nil {
			return list, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.Logger.Warn("the server's containers cannot be listed yet", zap.Error(err))
		select {
		case <-time.After(container.RetryInterval):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// adopt guards the containers that are ours, running ones first, and returns how many it has begun to guard. Those of a session
// are guarded too only where they were there before it.
func (s *Server) adopt(ctx context.Context, list []docker.Summary, first bool) (begun int) {
	slices.SortStableFunc(list, func(a, b docker.Summary) int {
		return cmp.Compare(rank(a), rank(b))
	})
	for _, c := range list {
		labels, err := engine.ParseLabels(c.Labels)
		name := ""
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		if !labels.Ours(s.instance.id, name) {
			continue // an image committed from one of ours gives its containers our labels, but not the name
		}
		_, retiring := s.retiring.Load(c.ID)
		if retiring || !first && s.claimed(name) {
			continue
		}
		if _, other := s.guarded.LoadOrStore(c.ID, true); other {
			continue
		}
		if err != nil {
			s.Logger.Warn("labels of a container are damaged", zap.String("container", c.ID), zap.Error(err))
		}
		begun++
		s.group.Go(func() {
			defer s.guarded.Delete(c.ID)
			s.guard(ctx, c.ID, labels)
		})
	}
	return begun
}

func rank(c docker.Summary) int {
	if c.State == docker.StateRunning {
		return 0
	}
	return 1
}

// processOf is the executor's process as its container's labels name it.
func processOf(l engine.Labels) wire.Process {
	return wire.Process{PID: l.ExecutorPID, StartTime: l.ExecutorStartTime, BootID: l.BootID}
}

// guard waits for the end of the executor of a container without a session. While that lives it will attach, and its session
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
		case <-time.After(container.RetryInterval):
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
		logger.Warn("a container has lost its executor; docker_kill_orphans is off, so it is left for as long as it runs", zap.String("container", id))
		s.retire(ctx, id, leaveRunning, logger)
		return
	}
	s.retire(ctx, id, max(labels.StopGrace, s.StopTimeout), logger)
}

// leaveRunning in place of a grace period has retire wait for the end of a container that runs.
const leaveRunning = -1

// retire has a container ended that nobody needs any more: stopped if it runs, within the grace period, and removed when its time
// has come. It does not wait for that. Of several calls for one container the first counts.
func (s *Server) retire(ctx context.Context, id string, grace time.Duration, logger *zap.Logger) {
	if _, other := s.retiring.LoadOrStore(id, true); other {
		return
	}
	s.group.Go(func() {
		defer s.retiring.Delete(id)
		s.end(ctx, id, grace, logger)
	})
}

// end tries until the Engine has stopped and removed a container or ctx ends, and looks at the container before each step.
func (s *Server) end(ctx context.Context, id string, grace time.Duration, logger *zap.Logger) {
	for {
		wait, removed := killRepeat, false
		c, err := s.engine.Inspect(ctx, id)
		if err == nil {
			if labels, _ := engine.ParseLabels(c.Config.Labels); !labels.Ours(s.instance.id, c.Name) {
				logger.Error("a container that is not ours is left alone", zap.String("container", id))
				return
			}
			switch due := s.removalTime(&c); {
			case c.State.Running && grace == leaveRunning:
				wait = s.surveyInterval
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
				removed = err == nil
			}
			if removed {
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
	kept := s.hold.End(c.Name)
	labels, _ := engine.ParseLabels(c.Config.Labels)
	if labels.Route != string(wire.RouteDropIn) {
		return kept
	}
	if due := container.FinishedAt(c).Add(s.RemoveDelay); due.After(kept) {
		return due
	}
	return kept
}
