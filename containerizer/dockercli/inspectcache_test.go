package dockercli

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// inspected is what the Engine says of a container, as long as wanted.
func inspected(name, id string, size int) engine.Container {
	var c engine.Container
	c.ContainerJSONBase = &container.ContainerJSONBase{ID: id, Name: "/" + name}
	c.Raw = []byte(`{"Id":"` + id + `"}` + strings.Repeat(" ", size))
	return c
}

func TestInspectCacheLastsForRecoveryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = "0123456789abcdef"
		var cache inspectCache
		if cache.remember(inspected("mesos-a", id, 0)) {
			t.Error("a container was remembered without a recovery")
		}
		cache.keep(time.Now().Add(RecoveryTime))
		if !cache.remember(inspected("mesos-a", id, 0)) {
			t.Fatal("a container was not remembered")
		}
		for _, name := range []string{"mesos-a", id, id[:12]} {
			if !cache.holds(name) {
				t.Errorf("%s is not known", name)
			}
		}
		for _, name := range []string{"mesos-", "mesos-b", id[:11], "", "1123456789abcdef"} {
			if cache.holds(name) {
				t.Errorf("%q is known", name)
			}
		}
		time.Sleep(RecoveryTime / 2)
		cache.keep(time.Now().Add(RecoveryTime)) // a second agent recovers
		time.Sleep(RecoveryTime - time.Second)
		if !cache.holds("mesos-a") {
			t.Error("forgotten too early")
		}
		time.Sleep(time.Second)
		if cache.holds("mesos-a") {
			t.Error("known for too long")
		}
		synctest.Wait()
		if cache.known != nil || cache.size != 0 || cache.timer != nil {
			t.Errorf("memory is held: %d containers, %d bytes", len(cache.known), cache.size)
		}
	})
}

func TestInspectCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cache inspectCache
		cache.keep(time.Now().Add(RecoveryTime))
		const third = inspectCacheSize / 3
		for _, c := range []struct {
			name string
			room bool
		}{{"mesos-a", true}, {"mesos-b", true}, {"mesos-c", false}, {"mesos-a", true}} {
			if cache.remember(inspected(c.name, c.name, third)) != c.room {
				t.Errorf("%s: want room: %v", c.name, c.room)
			}
		}
		if cache.size > inspectCacheSize || cache.holds("mesos-c") {
			t.Errorf("%d bytes are held", cache.size)
		}
		time.Sleep(RecoveryTime)
	})
}

// keeper notes until when the daemon was told to keep containers.
type keeper struct {
	noTasks
	mu    sync.Mutex
	until time.Time // guarded by mu
}

func (k *keeper) KeepContainers(until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = until
}

// A recovering agent lists, inspects what it takes for its own, and stops and removes what it does not know. A client that removes a
// container meanwhile does it no harm.
func TestListedContainerIsInspectedThoughItIsGone(t *testing.T) {
	b := newBench(t)
	var k keeper
	d := newDocker(t, environment.Socket(t), func(o *Options) { o.Tasks = &k })
	name := uniqueName()
	id := b.run(name, "sleep 1000", func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = "bridge" })
	foreign := strings.TrimPrefix(name, ours.AgentPrefix)
	b.create(foreign, "true")

	began := time.Now()
	list := answer(t.Context(), d, "ps", "-a")
	if !strings.Contains(list.Stdout, name) || !strings.Contains(list.Stdout, foreign) {
		t.Fatalf("ps: %+v", list)
	}
	if k.until.Before(began.Add(RecoveryTime)) || k.until.After(time.Now().Add(RecoveryTime)) {
		t.Errorf("the daemon is to keep containers for %v", k.until.Sub(began))
	}
	alive, err := parseAsAgent(answer(t.Context(), d, "inspect", "--type=container", name).Stdout)
	if err != nil || alive.PID == 0 {
		t.Fatalf("%+v, %v", alive, err)
	}
	b.remove(id)
	b.remove(foreign)
	for _, arguments := range [][]string{{"inspect", "--type=container", name}, {"inspect", name}, {"inspect", id}, {"inspect", id[:12]}} {
		got := answer(t.Context(), d, arguments...)
		gone, err := parseAsAgent(got.Stdout)
		if want := (agentContainer{ID: id, Name: "/" + name, Started: true, IPv4: alive.IPv4}); err != nil || gone != want || got.Status != 0 || got.Stderr != "" {
			t.Errorf("docker %q: %+v, %v; an agent reads %+v, want %+v", arguments, got, err, gone, want)
		}
	}
	for _, arguments := range [][]string{{"stop", "-t", "0", id}, {"rm", "-v", id}, {"rm", "-f", "-v", name}, {"rm", "-v", name}} {
		want := result{Stdout: arguments[len(arguments)-1] + "\n"}
		if got := answer(t.Context(), d, arguments...); got != want {
			t.Errorf("docker %q: %+v, want %+v", arguments, got, want)
		}
	}
	if got := answer(t.Context(), d, "inspect", foreign); got.Status != 1 {
		t.Errorf("a container that is no agent's: %+v", got)
	}
	d.inspects.keep(time.Now()) // the time is over
	if got, want := answer(t.Context(), d, "inspect", "--type=container", name), (result{1, "[]\n", "Error: No such container: " + name + "\n"}); got != want {
		t.Errorf("later: %+v, want %+v", got, want)
	}
	if got, want := answer(t.Context(), d, "rm", "-v", name), (result{1, "", "Error: No such container: " + name + "\n"}); got != want {
		t.Errorf("later: %+v, want %+v", got, want)
	}
}

// `ps` alone is what people ask, and binds nobody.
func TestPlainListBindsNobody(t *testing.T) {
	b := newBench(t)
	var k keeper
	d := newDocker(t, environment.Socket(t), func(o *Options) { o.Tasks = &k })
	name := uniqueName()
	b.run(name, "sleep 1000")
	if list := answer(t.Context(), d, "ps"); !strings.Contains(list.Stdout, name) {
		t.Fatalf("ps: %+v", list)
	}
	if !k.until.IsZero() || d.inspects.holds(name) {
		t.Error("a recovery was begun")
	}
}

// A container that goes before it was looked at is answered for from the list alone.
func TestContainerThatVanishesAfterTheListIsInspected(t *testing.T) {
	b := newBench(t)
	p := fakeengine.New(t, environment.Socket(t))
	d := newDocker(t, p.Socket)
	name := uniqueName()
	id := b.run(name, "sleep 1000", func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = "bridge" })
	p.Fault(fakeengine.Hang, "GET", "/containers/"+id+"/json", 1)
	if got := answer(t.Context(), d, "ps", "-a"); got.Status != 0 || !strings.Contains(got.Stdout, name) {
		t.Fatalf("%+v", got)
	}
	b.remove(id)
	p.Release()
	d.background.Wait()
	got := answer(t.Context(), d, "inspect", "--type=container", name)
	gone, err := parseAsAgent(got.Stdout)
	if err != nil || gone.ID != id || gone.Name != "/"+name || gone.PID != 0 || !gone.Started || gone.IPv4 == "" || got.Status != 0 {
		t.Errorf("%+v, %v; an agent reads %+v", got, err, gone)
	}
}
