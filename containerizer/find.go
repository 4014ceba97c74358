package containerizer

import (
	"context"
	"errors"
	"sync"
	"time"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// find returns the container for whose create an earlier daemon may have asked, nil if there is none.
func (s *session) find(ctx context.Context) (*engine.Container, error) {
	if s.attach.State != nil {
		s.container.MayAppear()
	}
	if err := s.awaitEngine(ctx); err != nil || s.attach.State == nil {
		return nil, err
	}
	return s.container.Find(ctx)
}

// search finds the container of an earlier daemon. It carries out a kill, and stops the container when the executor dies.
func (s *session) search(ctx context.Context, id string) (*engine.Container, error) {
	searching, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { s.stopWithExecutor(searching) })
	_ = s.awaitEngine(ctx) // the search ends with ctx, too
	return s.container.FindByID(ctx, id)
}

// awaitEngine waits until the Engine has answered, unless a kill is announced, and says what it waits for. It does not wait for the list
// of an earlier daemon's containers, which takes the Engine a second for a thousand: a container that has the name of a new one is found
// by the create, and who holds which GPU is asked for each task that wants some.
func (s *session) awaitEngine(ctx context.Context) error {
	select {
	case <-s.server.watch.opened:
		return nil
	default:
	}
	s.at.enter(record.Waiting, "waiting for the Docker Engine")
	ticker := time.NewTicker(container.RetryInterval)
	defer ticker.Stop()
	for {
		if err := s.server.watch.away(); err != nil {
			s.conn.sendOnce(wire.Message{Progress: &wire.Progress{Message: "Waiting for the Docker Engine: " + reason(err)}}, nil)
		}
		select {
		case <-s.server.watch.opened:
			return nil
		case <-ticker.C:
		case <-s.container.Stopping():
			return container.ErrStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reason is what the Engine, or the connection to it, has said, without the call: which one it was that failed does not matter to
// who waits for the Engine.
func reason(err error) string {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e.Reason()
	}
	return err.Error()
}

// abandoned reports whether a container is ours and its executor is dead.
func (s *Server) abandoned(c *engine.Container) bool {
	labels, _ := engine.ParseLabels(c.Config.Labels)
	if !labels.Ours(s.instance.id, c.Name) {
		return false
	}
	alive, err := processOf(labels).Alive()
	return !alive && err == nil
}
