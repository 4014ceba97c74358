package executor

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosexec "github.com/mesos/mesos-go/api/v1/lib/executor"
)

// TestLinkOverASocket has a daemon that is late, goes away and speaks nonsense; the executor attaches anew each time.
func TestLinkOverASocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "executor.sock")
	a := &fakeAgent{outbox: make(chan agent.Outbox, 1), events: make(chan *agent.Event), refuse: make(chan error)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			Environment: agent.Environment{FrameworkID: "f", ExecutorID: "e", ShutdownGracePeriod: grace},
			Route:       wire.RouteLocal, Sandbox: "/s", Agent: a, Dial: DialDaemon(socket), Daemon: socket,
			Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Logger: zaptest.NewLogger(t),
		})
	}()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accept := func() (*wire.Conn, *wire.Attach) {
		t.Helper()
		listener.SetDeadline(time.Now().Add(time.Minute))
		c, err := listener.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		conn := wire.NewConn(c)
		m, _, err := conn.Receive()
		if err != nil || m.Attach == nil {
			t.Fatalf("%+v, %v", m, err)
		}
		return conn, m.Attach
	}

	conn, attach := accept()
	if attach.Framework != "f" || attach.Executor != "e" || attach.Route != wire.RouteLocal || attach.State != nil {
		t.Errorf("attach %+v", attach)
	}
	<-a.outbox
	a.events <- &agent.Event{Type: mesosexec.Event_LAUNCH, Launch: &mesosexec.Event_Launch{Task: sleeper()}}
	if m, _, err := conn.Receive(); err != nil || m.Launch == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	conn.Close()
	conn, attach = accept()
	if attach.State == nil || attach.State.Launch.Task != "t" {
		t.Errorf("second attach %+v", attach)
	}
	conn.Close()
	listener.SetDeadline(time.Now().Add(time.Minute))
	nonsense, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	nonsense.Write([]byte{255, 255, 255, 255})
	defer nonsense.Close()
	conn, _ = accept()
	defer conn.Close()
	a.events <- &agent.Event{Type: mesosexec.Event_KILL, Kill: &mesosexec.Event_Kill{TaskID: mesos.TaskID{Value: "t"}}}
	if m, _, err := conn.Receive(); err != nil || m.Kill == nil {
		t.Errorf("%+v, %v", m, err)
	}
	a.refuse <- errBroken
	cancel()
	if err := <-ended; !errors.Is(err, errBroken) {
		t.Errorf("Run: %v", err)
	}
}

var errBroken = errors.New("broken")
