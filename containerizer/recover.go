package containerizer

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	docker "github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/executor/wire"
)

// scanInterval is the time between two scans for which there is no other reason: the Engine drops events under load.
const scanInterval = time.Minute

// recover learns which containers of the server's there are without a session, and looks after them until ctx ends. There are
// those that an earlier server left; they are known as soon as the Engine answers. And there are those that appear later: the
// Engine may do a create for which that server has asked, and then it knows nothing of late removals.
//
// The event stream is open before a list is made, so that nothing happens between the two unseen.
func (s *Server) recover(ctx context.Context) {
	select {
	case <-s.watch.scans:
	case <-ctx.Done():
		return
	}
	list, err := s.list(ctx)
	if err != nil {
		return
	}
	close(s.recovered)
	s.engineInfo(ctx) // for its directory, see disk; who needs more asks again
	s.options.Logger.Info("recovered", zap.Int("containers", s.adopt(ctx, list, true)))
	s.leaveForgotten(ctx, list)
	for {
		select {
		case <-s.watch.scans:
		case <-time.After(s.scanInterval):
		case <-ctx.Done():
			return
		}
		if list, err = s.list(ctx); err != nil {
			return
		}
		if n := s.adopt(ctx, list, false); n > 0 {
			s.options.Logger.Warn("containers have appeared that no session has", zap.Int("containers", n))
		}
		s.leaveForgotten(ctx, list)
	}
}

// list asks the Engine until it answers. Its error is that of ctx.
func (s *Server) list(ctx context.Context) ([]docker.Summary, error) {
	for {
		s.clearRemoved()
		list, err := s.engine.List(ctx, engine.InstanceLabel(s.instance.id))
		if err == nil {
			return list, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.options.Logger.Debug("the server's containers cannot be listed yet", zap.Error(err)) // the watch has said so
		if err := container.Pause(ctx, container.RetryInterval); err != nil {
			return nil, err
		}
	}
}

// clearRemoved forgets the containers that have left removeWhenDue since the last list, and removes what is left of the control groups of
// those that are gone.
func (s *Server) clearRemoved() {
	ids := map[string]bool{}
	for id, gone := range s.removed.Range {
		if gone.(bool) {
			ids[id.(string)] = true
		}
		s.removed.Delete(id)
	}
	if len(ids) == 0 {
		return
	}
	if err := cgroup.RemoveLeft(ids); err != nil {
		s.options.Logger.Warn("control groups of containers that are gone stay", zap.Error(err))
	}
}

// adopt watches the containers that are ours, running ones first, and returns how many it has begun to watch. Those of a session
// are watched too only where they were there before it.
func (s *Server) adopt(ctx context.Context, list []docker.Summary, first bool) (begun int) {
	slices.SortStableFunc(list, func(a, b docker.Summary) int {
		return cmp.Compare(rank(a), rank(b))
	})
	for _, c := range list {
		labels, err := engine.ParseLabels(c.Labels)
		name := engine.ListedName(c)
		if !labels.Ours(s.instance.id, name) {
			continue // an image committed from one of ours gives its containers our labels, but not the name
		}
		_, removing := s.removing.Load(c.ID)
		_, removed := s.removed.Load(c.ID) // asked in this order: from the one it passes to the other
		of, _ := held(name, labels)
		if removing || removed || !first && s.claimed(of) {
			continue
		}
		if _, other := s.watched.LoadOrStore(c.ID, true); other {
			continue
		}
		if err != nil {
			s.options.Logger.Warn("labels of a container are damaged", zap.String("container", c.ID), zap.Error(err))
		}
		begun++
		s.group.Go(func() {
			defer s.watched.Delete(c.ID)
			s.watchOrphan(ctx, c.ID, labels, c.State == docker.StateRunning)
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

// watchOrphan waits for the end of the executor of a container without a session. While that lives it will attach, and its session
// then owns the container. When it dies without a session the container is an orphan, or due for removal.
func (s *Server) watchOrphan(ctx context.Context, id string, labels engine.Labels, ran bool) {
	executor, err := pidfd.Open(processOf(labels))
	switch {
	case err == nil:
		err = executor.Wait(ctx)
		executor.Close()
		if err != nil {
			return
		}
	case errors.Is(err, os.ErrNotExist):
	default: // it cannot be seen: give it the time to attach
		if container.Pause(ctx, s.options.OrphanGrace) != nil {
			return
		}
	}
	of, isHolder := held(labels.Name, labels)
	for s.claimed(of) { // the session saw the same death and does what is to be done
		if container.Pause(ctx, container.RetryInterval) != nil {
			return
		}
	}
	if isHolder { // it holds nothing for an executor that is dead
		s.scheduleRemoval(ctx, id, 0, false, s.options.Logger)
		return
	}
	s.endOrphan(ctx, id, labels, ran)
}

// endOrphan stops a container that has no executor any more and removes it when its time has come.
func (s *Server) endOrphan(ctx context.Context, id string, labels engine.Labels, ran bool) {
	logger := s.options.Logger.With(zap.String("task", labels.Task), zap.String("framework", labels.Framework),
		zap.String("executor", labels.Executor))
	if !s.options.KillOrphans {
		logger.Warn("a container has lost its executor; docker_kill_orphans is off, so it is left for as long as it runs", zap.String("container", id))
		s.scheduleRemoval(ctx, id, container.LeaveRunning, ran, logger)
		return
	}
	s.scheduleRemoval(ctx, id, max(labels.StopGrace, s.options.StopTimeout), ran, logger)
}

// scheduleRemoval ends a container that is not needed any more: stopped if it runs, within the grace period, and removed when
// its time has come. It does not wait for that. Of several calls for one container the first counts. ran is Removal.Ran.
func (s *Server) scheduleRemoval(ctx context.Context, id string, grace time.Duration, ran bool, logger *zap.Logger) {
	if _, other := s.removing.LoadOrStore(id, true); other {
		return
	}
	s.group.Go(func() {
		s.removed.Store(id, s.removeWhenDue(ctx, id, grace, ran, logger))
		s.removing.Delete(id)
	})
}

// removeWhenDue reports whether the container is gone. One that is not ours any more, as after docker rename, is left alone.
func (s *Server) removeWhenDue(ctx context.Context, id string, grace time.Duration, ran bool, logger *zap.Logger) (gone bool) {
	var groups []string
	ours := true
	var ended time.Time // at the latest
	removal := container.Removal{
		Engine: s.engine, ID: id, Grace: grace, Interval: s.scanInterval, Ran: ran, Logger: logger,
		Due: func(c *engine.Container) time.Time {
			if c.State.Running { // perhaps again
				ended = time.Time{}
			} else if ended.IsZero() {
				ended = time.Now()
			}
			return s.removalTime(c, ended)
		},
		Ours: func(c *engine.Container) bool {
			labels, _ := engine.ParseLabels(c.Config.Labels)
			groups = filepath.SplitList(labels.Groups)
			ours = labels.Ours(s.instance.id, c.Name)
			return ours
		},
		Turn: s.turns.take,
		Stopped: func() {
			s.options.Metrics.OrphanStopped()
			s.watch.askForScan() // its networks can be left
		},
		Removed: func() {
			s.options.Metrics.ContainerRemoved()
			if err := cgroup.RemoveEmpty(groups); err != nil {
				logger.Warn("control groups that were made for a container stay", zap.Error(err))
			}
		},
		Behind: func(n int) { s.behind.Add(int64(n)) },
	}
	removal.Run(ctx)
	return ours && ctx.Err() == nil
}

// removalTime is when a container that has ended is due: at once on our own routes, on the drop-in route, where agents may still
// want it, RemoveDelay after its end, which was seen at the given time: by the Engine's it may be yet to come, if the clock was set back. It
// is no earlier than was promised to an agent that recovers.
func (s *Server) removalTime(c *engine.Container, seen time.Time) time.Time {
	kept := s.hold.End(c.Name)
	labels, _ := engine.ParseLabels(c.Config.Labels)
	if labels.Route != string(wire.RouteDropIn) {
		return kept
	}
	ended := container.FinishedAt(c)
	if ended.After(seen) {
		ended = seen
	}
	if due := ended.Add(s.options.RemoveDelay); due.After(kept) {
		return due
	}
	return kept
}
