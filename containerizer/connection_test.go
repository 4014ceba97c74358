package containerizer

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// An executor that does not read holds nobody up who has something to say to it, and no file is kept for it.
func TestExecutorThatDoesNotRead(t *testing.T) {
	here, there := connected(t)
	var e executorConn
	out := e.setConn(here)
	var writer sync.WaitGroup
	writer.Go(out.write)
	large := wire.Message{Progress: &wire.Progress{Message: strings.Repeat("x", 1<<20)}}
	files := make([]*os.File, 2*sendQueue)
	began := time.Now()
	for i := range files {
		reader, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		files[i] = w
		e.sendOnce(large, w)
		if i == 0 && !e.attached() {
			t.Error("it is not attached at first")
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to say something", took)
	}
	if e.attached() {
		t.Error("a connection that is full is still in use")
	}
	e.end(out)
	writer.Wait()
	for i, f := range files {
		if err := f.Close(); err == nil {
			t.Errorf("file %d was left open", i)
		}
	}

	// What holds is said on the next connection, in its order.
	there.Close()
	first, second := wire.Message{Created: &wire.Created{ContainerID: "c"}}, wire.Message{Exited: &wire.Exited{Code: 3}}
	e.sendSticky(first)
	e.sendSticky(second)
	here, there = connected(t)
	out = e.setConn(here)
	writer.Go(out.write)
	defer writer.Wait()
	defer e.end(out)
	for _, want := range []wire.Message{first, second} {
		got, _, err := there.Receive()
		if err != nil || (got.Created == nil) != (want.Created == nil) || (got.Exited == nil) != (want.Exited == nil) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// An executor that is stopped while it is told something holds up neither a scrape of the metrics nor its task's end.
func TestStuckExecutorHoldsNobodyUp(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	h.server.mu.Lock()
	for _, s := range h.server.sessions { // its socket and its queue are full
		for s.conn.attached() {
			s.conn.sendOnce(wire.Message{Progress: &wire.Progress{Message: strings.Repeat("x", 1<<20)}}, nil)
		}
	}
	h.server.mu.Unlock()
	if got := h.figures()[`executors_attached`]; got != 0 {
		t.Errorf("%v executors are attached", got)
	}
	if _, err := h.server.StopContainer(t.Context(), e.state.ContainerID, 0); err != nil {
		t.Error(err)
	}
	e.reconnect(h.socket)
	if exit := e.awaitExit(); exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// However often something is said that holds, an executor that attaches again is told the latest once.
func TestWhatHoldsIsToldOnce(t *testing.T) {
	var e executorConn
	e.sendSticky(wire.Message{Created: &wire.Created{ContainerID: "c"}})
	for i := range 2 * sendQueue {
		e.sendSticky(wire.Message{Kill: &wire.Kill{Deadline: time.Unix(int64(i), 0)}})
	}
	e.sendSticky(wire.Message{Gone: &wire.Gone{}})
	here, there := connected(t)
	out := e.setConn(here)
	var writer sync.WaitGroup
	writer.Go(out.write)
	e.end(out)
	writer.Wait()
	here.Close()
	var got []wire.Message
	for {
		m, _, err := there.Receive()
		if err != nil {
			break
		}
		got = append(got, m)
	}
	if len(got) != 3 || got[0].Created == nil || got[1].Kill == nil || got[1].Kill.Deadline.Unix() != 2*sendQueue-1 || got[2].Gone == nil {
		t.Errorf("%d messages: %+v", len(got), got)
	}
}
