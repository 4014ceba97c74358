package containerizer

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// Removals come one after the other while there is a launch, and some at once when there is none, in the order in which they came.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns turns
		began := time.Now()
		took := make(chan string, 100)
		remove := func(ctx context.Context, number int) {
			over, err := turns.take(ctx)
			if err != nil {
				return
			}
			defer over()
			took <- fmt.Sprint(number, " after ", time.Since(began))
			time.Sleep(time.Second)
		}
		launched := turns.launch()
		second := turns.launch()
		given, giveUp := context.WithCancel(t.Context())
		for i := range 8 {
			ctx := t.Context()
			if i == 1 {
				ctx = given
			}
			go remove(ctx, i)
			synctest.Wait()
		}
		giveUp()
		launched()
		launched()
		time.Sleep(1500 * time.Millisecond)
		second()
		time.Sleep(time.Minute)
		synctest.Wait()
		close(took)
		want := []string{"0 after 0s", "2 after 1s", "3 after 1.5s", "4 after 1.5s", "5 after 1.5s", "6 after 2s", "7 after 2.5s"}
		if got := slices.Sorted(channel(took)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// channel yields what is in a closed channel.
func channel(c <-chan string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s := range c {
			if !yield(s) {
				return
			}
		}
	}
}

// A daemon that finds many containers to remove has few of them removed at once, and starts a task meanwhile.
func TestLaunchBeforeRemovals(t *testing.T) {
	const stale = 30
	h, p := newFailingHost(t)
	h.stop()
	began := time.Now()
	for i := range stale {
		name := fmt.Sprintf("stale-%d-%s", i, ownedName())
		labels := engine.Labels{Instance: h.server.instance.id, Name: name, ExecutorPID: 1 << 22, BootID: "another boot"}
		if _, err := h.docker.ContainerCreate(t.Context(), &container.Config{Image: environment.Busybox(t), Cmd: []string{"true"}, Labels: labels.Map()},
			&container.HostConfig{NetworkMode: "none"}, nil, nil, name); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d creates took %v", stale, time.Since(began))
	p.Fault(fakeengine.Hang, http.MethodDelete, `/containers/.*`, stale)
	removes := func() int { return p.Count(http.MethodDelete, `/containers/.*`) }
	h.start()
	environment.Eventually(t, patience, "the first removals", func() bool { return removes() == removalsAtOnce })
	e := h.newExecutor()
	began = time.Now()
	e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
	e.awaitRunning()
	t.Logf("the task ran after %v", time.Since(began))
	if exit := e.awaitExit(); exit.Code != 5 {
		t.Errorf("exit %+v", exit)
	}
	if n := removes(); n != removalsAtOnce {
		t.Errorf("%d removals at once", n)
	}
	e.done()
	p.Release()
	h.awaitNoContainers()
	if n := removes(); n != stale+1 {
		t.Errorf("%d removals of %d containers", n, stale+1)
	}
}

// A task does not wait for the list of the containers that an earlier daemon has left, which takes an Engine with many of them its time.
func TestLaunchBeforeTheList(t *testing.T) {
	h, p := newFailingHost(t)
	h.stop()
	p.Fault(fakeengine.Hang, http.MethodGet, `/containers/json`, 1)
	h.start()
	environment.Eventually(t, patience, "the list", func() bool { return p.Count(http.MethodGet, `/containers/json`) > 1 })
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
	e.awaitRunning()
	select {
	case <-h.server.Recovered():
		t.Error("the list was answered before the task ran")
	default:
	}
	p.Release()
	if exit := e.awaitExit(); exit.Code != 5 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}
