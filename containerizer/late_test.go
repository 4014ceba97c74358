package containerizer

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// A create that the Engine is asked for by one daemon and does under the next, after that has listed what there is: nobody knows
// of the container but by its labels.

// hangingCreate has the Engine sit on the next create until the proxy is released.
func hangingCreate(t *testing.T) (*host, *fakeengine.Proxy) {
	t.Helper()
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/create`, 1)
	return h, p
}

func awaitCreate(t *testing.T, p *fakeengine.Proxy) {
	t.Helper()
	environment.Eventually(t, patience, "the create", func() bool { return p.Count(http.MethodPost, `/containers/create`) == 1 })
}

// With the executor gone the container is an orphan like one found at start.
func TestLateCreateAfterARestartOfADeadExecutor(t *testing.T) {
	h, p := hangingCreate(t)
	e := h.newProcess(dockerTask(t, environment.Busybox(t), "sleep 1000"), 0)
	awaitCreate(t, p)
	h.stop()
	e.kill()
	h.start()
	<-h.server.Recovered()
	p.Release()
	environment.Eventually(t, patience, "the container to be removed", func() bool { return p.Count(http.MethodDelete, `/containers/.*`) > 0 })
	h.awaitNoContainers()
}

// An executor that lives attaches again and gets the container, whichever daemon's create made it: there is one, and it runs once.
func TestLateCreateAfterARestartIsAdopted(t *testing.T) {
	h, p := hangingCreate(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "echo once; exit 7"))
	awaitCreate(t, p)
	h.restart()
	<-h.server.Recovered()
	p.Release()
	environment.Eventually(t, patience, "the container", func() bool { return len(h.containers()) == 1 })
	id := h.containers()[0].ID
	e.reconnect(h.socket)
	if e.awaitRunning(); e.state.ContainerID != id {
		t.Errorf("runs container %s, want %s", e.state.ContainerID, id)
	}
	if exit := e.awaitExit(); exit.Code != 7 {
		t.Errorf("exit %+v", exit)
	}
	if stdout, _ := e.readOutput(); stdout != "once\n" {
		t.Errorf("stdout %q", stdout)
	}
	e.done()
	h.awaitNoContainers()
}

// An executor that attaches again and ends its task leaves a tombstone, for the create of the daemon before, though it lives on.
func TestLateCreateAfterARestartAndAKill(t *testing.T) {
	h, p := hangingCreate(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	awaitCreate(t, p)
	h.restart()
	<-h.server.Recovered()
	e.state.Kill = &wire.Kill{Deadline: time.Now().Add(time.Hour)}
	e.reconnect(h.socket)
	mustName(t, e.awaitExit().Message, "killed before it was started")
	e.done()
	p.Release()
	environment.Eventually(t, patience, "the container to be removed", func() bool { return p.Count(http.MethodDelete, `/containers/.*`) > 0 })
	h.awaitNoContainers()
}

// stray creates a container of the server's past it, as a late create does, whose executor is dead.
func (h *host) stray() {
	h.t.Helper()
	name := "stray-" + h.t.Name()
	labels := engine.Labels{Instance: h.server.instance.id, Name: name, ExecutorPID: 1 << 22, BootID: "another boot"}
	_, err := h.docker.ContainerCreate(context.Background(), &container.Config{
		Image: environment.Busybox(h.t), Cmd: []string{"sleep", "1000"}, Labels: labels.Map(),
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
	if err != nil {
		h.t.Fatal(err)
	}
}

// What happened while the event stream was broken is seen when it is open again.
func TestStrayContainerOfAGap(t *testing.T) {
	h, p := newFailingHost(t)
	p.Away()
	environment.Eventually(t, patience, "the server to notice", func() bool { return h.server.watch.away() != nil })
	h.stray()
	p.Back()
	environment.Eventually(t, patience, "the container to be removed", func() bool { return p.Count(http.MethodDelete, `/containers/.*`) > 0 })
	h.awaitNoContainers()
}

// An event that the Engine has dropped is made up for.
func TestStrayContainerWithoutEvent(t *testing.T) {
	h, p := newFailingHost(t, func(p *fakeengine.Proxy) { p.Fault(fakeengine.Silence, http.MethodGet, `/events`, 100) })
	h.adjust = func(s *Server) { s.scanInterval = 100 * time.Millisecond }
	h.restart()
	<-h.server.Recovered()
	h.stray()
	environment.Eventually(t, patience, "the container to be removed", func() bool { return p.Count(http.MethodDelete, `/containers/.*`) > 0 })
	h.awaitNoContainers()
}

// What a dying containerd leaves of the control groups of a container goes after that, and nothing of a container that is there.
func TestControlGroupsThatAreLeft(t *testing.T) {
	h := newHost(t)
	h.adjust = func(s *Server) { s.scanInterval = 100 * time.Millisecond }
	h.restart()
	other, e := h.newExecutor(func(a *wire.Attach) { a.Executor += "-other" }), h.newExecutor()
	var groups []string
	for _, e := range []*executor{other, e} {
		e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
		e.awaitRunning()
		groups = append(groups, environment.Cgroup(t, e.state.ContainerID))
	}
	e.end()
	environment.Eventually(t, patience, "the control group to be removed", func() bool {
		_, err := os.Stat(groups[1])
		return errors.Is(err, fs.ErrNotExist)
	})
	if _, err := os.Stat(groups[0]); err != nil {
		t.Error(err)
	}
	other.end()
	h.awaitNoContainers()
}

// A container that is not removed, since it is not the server's, keeps its control groups.
func TestControlGroupsOfOthersStay(t *testing.T) {
	h := newHost(t)
	other, err := h.docker.ContainerCreate(t.Context(), &container.Config{Image: environment.Busybox(t)}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.docker.ContainerRemove(context.Background(), other.ID, container.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	group := environment.Cgroup(t, other.ID)
	h.server.scheduleRemoval(t.Context(), other.ID, 0, false, zap.NewNop())
	environment.Eventually(t, patience, "the look at the container", func() bool {
		_, removing := h.server.removing.Load(other.ID)
		return !removing
	})
	h.server.clearRemoved()
	if _, err := os.Stat(group); err != nil {
		t.Error(err)
	}
}

// Scans leave alone what has an owner, or a goroutine that looks after it.
func TestScansDisturbNothing(t *testing.T) {
	h, p := newFailingHost(t) // which counts
	h.options.RemoveDelay = time.Hour
	logs := trouble(&h.options)
	h.adjust = func(s *Server) { s.scanInterval = 10 * time.Millisecond }
	h.restart()
	running := h.newExecutor()
	running.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	running.awaitRunning()
	ended := h.dropIn("dropin-"+t.Name(), "exit 3")
	ended.awaitExit(t)
	ended.kill() // its container is kept for an hour
	scans := func() int { return p.Count(http.MethodGet, `/containers/json`) }
	before := scans()
	environment.Eventually(t, patience, "some scans", func() bool { return scans() > before+20 })
	if list := h.containers(); len(list) != 2 {
		t.Errorf("containers: %+v", list)
	}
	running.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	if exit := running.awaitExit(); exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	running.done()
	environment.Eventually(t, patience, "one container to be removed", func() bool { return len(h.containers()) == 1 })
	for _, entry := range logs.All() {
		t.Errorf("%s %v", entry.Message, entry.ContextMap())
	}
	h.stop()
	h.options.RemoveDelay = 0
	h.start()
	h.awaitNoContainers()
}

// An orphan that the admin wants left is removed when it has ended, as any other container.
func TestOrphanThatWasLeftEnds(t *testing.T) {
	h := newHost(t, func(o *Options) { o.KillOrphans = false })
	h.adjust = func(s *Server) { s.scanInterval = 100 * time.Millisecond }
	p := h.newProcess(dockerTask(t, environment.Busybox(t), "sleep 1000"), 0)
	p.awaitRunning(t)
	h.stop()
	p.kill()
	logs := trouble(&h.options)
	h.start()
	environment.Eventually(t, patience, "the server to find it", func() bool { return logs.FilterMessageSnippet("docker_kill_orphans is off").Len() > 0 })
	list := h.containers()
	if len(list) != 1 || list[0].State != container.StateRunning {
		t.Fatalf("containers: %+v", list)
	}
	h.docker.ContainerKill(context.Background(), list[0].ID, "KILL")
	h.awaitNoContainers()
	if n := logs.FilterMessageSnippet("docker_kill_orphans is off").Len(); n != 1 {
		t.Errorf("it is told %d times", n)
	}
}
