package executor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosexec "github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is one executor between an agent and a daemon that do what the test says. It lives in a synctest bubble: waits of an
// hour take no time, and settle means that the executor has done all it is going to do.
type harness struct {
	t      *testing.T
	agent  *fakeAgent
	daemon *fakeDaemon
	stdout bytes.Buffer
	stderr bytes.Buffer
	stop   context.CancelFunc // SIGTERM
	ended  chan error

	executor *executor
	link     chan linkEvent
	outbox   agent.Outbox
	seen     agent.Cursor // of the last update taken
}

// fakeAgent passes events through and leaves the outbox to the test.
type fakeAgent struct {
	outbox chan agent.Outbox
	events chan *agent.Event
	refuse chan error
}

func (a *fakeAgent) Run(ctx context.Context, outbox agent.Outbox, events chan<- *agent.Event) error {
	a.outbox <- outbox
	for {
		select {
		case e := <-a.events:
			select {
			case events <- e:
			case <-ctx.Done():
				return nil
			}
		case err := <-a.refuse:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// fakeDaemon records what the executor sends and keeps the newest connection.
type fakeDaemon struct {
	mu   sync.Mutex
	sent []wire.Message
}

func (d *fakeDaemon) Send(m wire.Message, _ *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, m)
	return nil
}

func (d *fakeDaemon) CloseWrite() error { return nil }

// take returns what was sent since the last call.
func (d *fakeDaemon) take() []wire.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	sent := d.sent
	d.sent = nil
	return sent
}

const grace = 5 * time.Second

// inBubble runs a test with an executor that has attached and subscribed.
func inBubble(t *testing.T, test func(h *harness), capabilities ...mesos.FrameworkInfo_Capability_Type) {
	synctest.Test(t, func(t *testing.T) {
		h := &harness{
			t:      t,
			agent:  &fakeAgent{outbox: make(chan agent.Outbox, 1), events: make(chan *agent.Event), refuse: make(chan error)},
			daemon: &fakeDaemon{},
			ended:  make(chan error, 1),
		}
		ctx, stop := context.WithCancel(t.Context())
		h.stop = stop
		o := Options{
			Environment: agent.Environment{FrameworkID: "framework", ExecutorID: "executor", ShutdownGracePeriod: grace},
			Route:       wire.RouteCustom,
			Sandbox:     "/sandbox",
			Agent:       h.agent,
			Dial:        func(ctx context.Context) (*wire.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
			Daemon:      "/daemon.sock",
			Stdout:      &h.stdout,
			Stderr:      &h.stderr,
			Logger:      zaptest.NewLogger(t),
		}
		e := newExecutor(o)
		go func() { h.ended <- e.live(ctx) }()
		h.executor, h.link = e, e.link.events
		h.outbox = <-h.agent.outbox
		h.connect()
		h.event(subscribed(capabilities...))
		defer func() {
			stop()
			time.Sleep(time.Hour) // in the bubble: every fail-safe has fired
			synctest.Wait()
		}()
		test(h)
	})
}

func subscribed(capabilities ...mesos.FrameworkInfo_Capability_Type) *agent.Event {
	info := mesos.FrameworkInfo{}
	for _, c := range capabilities {
		info.Capabilities = append(info.Capabilities, mesos.FrameworkInfo_Capability{Type: c})
	}
	return &agent.Event{Type: mesosexec.Event_SUBSCRIBED, Subscribed: &mesosexec.Event_Subscribed{FrameworkInfo: info}}
}

// settle waits until the executor has done all it is going to do without time passing.
func (h *harness) settle() { synctest.Wait() }

// event has the agent send an event.
func (h *harness) event(e *agent.Event) {
	h.agent.events <- e
	h.settle()
}

func (h *harness) launch(task mesos.TaskInfo) {
	h.event(&agent.Event{Type: mesosexec.Event_LAUNCH, Launch: &mesosexec.Event_Launch{Task: task}})
}

func (h *harness) kill(id string, policy *mesos.KillPolicy) {
	h.event(&agent.Event{Type: mesosexec.Event_KILL, Kill: &mesosexec.Event_Kill{TaskID: mesos.TaskID{Value: id}, KillPolicy: policy}})
}

func (h *harness) acknowledge(s mesos.TaskStatus) {
	h.event(&agent.Event{Type: mesosexec.Event_ACKNOWLEDGED, Acknowledged: &mesosexec.Event_Acknowledged{TaskID: s.TaskID, UUID: s.UUID}})
}

// connect gives the executor a new connection to the daemon, and say and sayWith have the daemon speak on it.
func (h *harness) connect() {
	h.link <- linkEvent{conn: h.daemon}
	h.settle()
}

func (h *harness) say(m wire.Message) { h.sayWith(m, nil) }

func (h *harness) sayWith(m wire.Message, stream *stream) {
	event := linkEvent{message: m}
	if stream != nil {
		event.file = stream
	}
	h.link <- event
	h.settle()
}

// update returns the next update; there must be one now.
func (h *harness) update(want mesos.TaskState) mesos.TaskStatus {
	h.t.Helper()
	_, updates, _ := h.outbox.Unacknowledged()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Nanosecond)
	defer cancel()
	status, cursor, err := h.outbox.Next(ctx, h.seen)
	if err != nil {
		h.t.Fatalf("no update, want %v; unacknowledged: %v", want, updates)
	}
	h.seen = cursor
	if status.GetState() != want {
		h.t.Fatalf("update %v %q, want %v", status.GetState(), status.GetMessage(), want)
	}
	return status
}

// noUpdate checks that nothing more was reported.
func (h *harness) noUpdate() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Nanosecond)
	defer cancel()
	if status, _, err := h.outbox.Next(ctx, h.seen); err == nil {
		h.t.Errorf("unexpected update %v %q", status.GetState(), status.GetMessage())
	}
}

// lives checks that the executor has not ended; ends waits for its end.
func (h *harness) lives() {
	h.t.Helper()
	select {
	case err := <-h.ended:
		h.t.Fatalf("the executor has ended: %v", err)
	default:
	}
}

func (h *harness) ends(want error) {
	h.t.Helper()
	h.settle()
	select {
	case err := <-h.ended:
		if !errors.Is(err, want) {
			h.t.Errorf("the executor ended with %v, want %v", err, want)
		}
	default:
		h.t.Fatal("the executor has not ended")
	}
}

// stream is an output stream whose end the test holds.
type stream struct {
	*io.PipeReader
	w *io.PipeWriter
}

func newStream() *stream {
	r, w := io.Pipe()
	return &stream{r, w}
}

// frame is one frame of Docker's multiplexed format.
func frame(kind byte, text string) []byte {
	header := []byte{kind, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return append(header, text...)
}
