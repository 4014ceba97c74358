package containerizer

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/moby/sys/signal"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// dieLimit is how long the event of an end may come after the Engine says that the container has ended. Kills come before it.
const dieLimit = time.Second

// foreignKills is what the Engine's events say of signals to a session's container. Where no stop was ordered another has sent them:
// docker stop and docker kill, or an Engine that is stopped and, without live-restore, stops its containers first. A signal that a
// process sends past the Engine is in no event.
type foreignKills struct {
	mu    sync.Mutex // guards what follows
	kills []engine.Event
	died  chan struct{} // closed with the event of the end
}

// hear takes an event of the container. One that is told again, after a gap, changes nothing.
func (f *foreignKills) hear(event engine.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch event.Action {
	case "kill":
		f.kills = appendLatest(f.kills, event)
	case "die":
		select {
		case <-f.died:
		default:
			close(f.died)
		}
	}
}

// judgeForeign finds out whether another than the agent has ended the container, and says so.
func (s *session) judgeForeign(ctx context.Context, c *engine.Container, exit wire.Exited) wire.Exited {
	if s.container.StopOrdered() || exit.OOM {
		return exit
	}
	if s.server.watch.away() == nil {
		limit := time.NewTimer(dieLimit)
		defer limit.Stop()
		select {
		case <-s.foreign.died:
		case <-limit.C: // the Engine has dropped it
		case <-ctx.Done():
		}
	}
	s.foreign.mu.Lock()
	defer s.foreign.mu.Unlock()
	for _, kill := range s.foreign.kills {
		number, err := strconv.Atoi(kill.Signal)
		if err != nil || !ends(unix.Signal(number), c.Config.StopSignal, exit.Code) {
			continue
		}
		by := "came through the Docker Engine and not from Mesos, as by docker stop, docker kill or an Engine that is stopped"
		if s.server.watch.lostAround(kill.Time) || !s.server.engine.Listens(ctx) {
			by = "came from the Docker Engine, which was stopped: without live-restore it stops its containers"
		}
		exit.Foreign = true
		exit.Message = joined(fmt.Sprintf("%s %s", unix.SignalName(unix.Signal(number)), by), exit.Message)
		break
	}
	return exit
}

// ends reports whether a signal is one to end with, or ended a container with this status.
func ends(s unix.Signal, stopSignal string, status int) bool {
	switch s {
	case unix.SIGTERM, unix.SIGKILL, unix.SIGINT, unix.SIGQUIT:
		return true
	}
	stop, err := signal.ParseSignal(stopSignal)
	return err == nil && unix.Signal(stop) == s || status == 128+int(s)
}
