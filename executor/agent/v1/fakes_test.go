package v1

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/agent/secure"
	"mesos-docker-containerizer/test/agentstream"
)

// outbox is an Outbox.
type outbox struct {
	mu      sync.Mutex
	tasks   []mesos.TaskInfo
	updates []mesos.TaskStatus
	acked   map[int]bool
	changed chan struct{}
}

func newOutbox() *outbox { return &outbox{acked: map[int]bool{}, changed: make(chan struct{})} }

func (l *outbox) add(status mesos.TaskStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.updates = append(l.updates, status)
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *outbox) acknowledge(uuid []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, u := range l.updates {
		if string(u.UUID) == string(uuid) {
			l.acked[i] = true
		}
	}
}

func (l *outbox) Unacknowledged() ([]mesos.TaskInfo, []mesos.TaskStatus, agent.Cursor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var updates []mesos.TaskStatus
	for i, u := range l.updates {
		if !l.acked[i] {
			updates = append(updates, u)
		}
	}
	return l.tasks, updates, agent.Cursor(len(l.updates))
}

func (l *outbox) Next(ctx context.Context, after agent.Cursor) (mesos.TaskStatus, agent.Cursor, error) {
	for {
		l.mu.Lock()
		for i := int(after); i < len(l.updates); i++ {
			if !l.acked[i] {
				status := l.updates[i]
				l.mu.Unlock()
				return status, agent.Cursor(i + 1), nil
			}
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return mesos.TaskStatus{}, after, ctx.Err()
		}
	}
}

// status is an update that a real agent would take. Its UUID ends with n, which has one digit.
func status(n int, state mesos.TaskState) mesos.TaskStatus {
	source := mesos.SOURCE_EXECUTOR
	return mesos.TaskStatus{
		TaskID: mesos.TaskID{Value: "task"},
		State:  &state,
		Source: &source,
		UUID:   []byte{6: 0x40, 8: 0x80, 15: '0' + byte(n)}, // of version 4
	}
}

// scripted is an agent whose answers a test decides. The handlers run one at a time per connection, as those of an HTTP server.
type scripted struct {
	subscribe func(n int, call *executor.Call, s *serverStream) // n counts from 1; the stream ends when it returns
	update    func(n int, call *executor.Call) int              // returns the code to answer

	mu            sync.Mutex
	subscriptions int
	updates       int
	calls         []*executor.Call
	requests      []*http.Request
	at            []time.Time
}

// serverStream answers a SUBSCRIBE.
type serverStream struct {
	w   http.ResponseWriter
	ctx context.Context
}

func (s *serverStream) refuse(code int, text string) { http.Error(s.w, text, code) }

func (s *serverStream) accept() {
	s.w.Header().Set("Content-Type", "application/x-protobuf")
	s.flush()
}

func (s *serverStream) flush() { _ = http.NewResponseController(s.w).Flush() }

func (s *serverStream) send(events ...*agent.Event) {
	for _, e := range events {
		data, err := e.Marshal()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(s.w, strconv.Itoa(len(data))+"\n")
		_, _ = s.w.Write(data)
	}
	s.flush()
}

// subscribed accepts and confirms.
func (s *serverStream) subscribed(events ...*agent.Event) {
	s.accept()
	s.send(append([]*agent.Event{subscribedEvent()}, events...)...)
}

// hold keeps the stream open until the executor goes.
func (s *serverStream) hold() { <-s.ctx.Done() }

func (a *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	call := new(executor.Call)
	if err == nil {
		err = call.Unmarshal(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.calls, a.requests, a.at = append(a.calls, call), append(a.requests, r), append(a.at, time.Now())
	var n int
	if call.Type == executor.Call_SUBSCRIBE {
		a.subscriptions++
		n = a.subscriptions
	} else {
		a.updates++
		n = a.updates
	}
	a.mu.Unlock()
	if call.Type == executor.Call_SUBSCRIBE {
		a.subscribe(n, call, &serverStream{w: w, ctx: r.Context()})
		return
	}
	code := http.StatusAccepted
	if a.update != nil {
		code = a.update(n, call)
	}
	if code == http.StatusAccepted {
		w.WriteHeader(code)
		return
	}
	http.Error(w, "as the test wants it", code)
}

func (a *scripted) received() []*executor.Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*executor.Call(nil), a.calls...)
}

func (a *scripted) times() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time(nil), a.at...)
}

// network is an in-memory listener, whose waiting a synctest bubble understands. Without a server it refuses connections.
type network struct {
	mu      sync.Mutex
	pending chan net.Conn // nil: nobody listens
	dials   int
	dialled []time.Time
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	n.dialled = append(n.dialled, time.Now())
	pending := n.pending
	n.mu.Unlock()
	if pending == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	select {
	case pending <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) attempts() []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]time.Time(nil), n.dialled...)
}

// serve lets handler answer until stop, which ends its connections as the end of a process does.
func (n *network) serve(handler http.Handler) (stop func()) {
	l := &listener{pending: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	n.pending = l.pending
	n.mu.Unlock()
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	return func() {
		n.mu.Lock()
		n.pending = nil
		n.mu.Unlock()
		_ = server.Close()
		<-done
	}
}

type listener struct {
	pending chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pending:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// environment is that of a checkpointing framework's executor.
func environment() agent.Environment {
	return agent.Environment{
		FrameworkID: "framework", ExecutorID: "executor", AgentID: "agent",
		AgentEndpoint: "192.0.2.1:5051", AgentProcess: "slave(1)",
		Checkpoint: true, RecoveryTimeout: 15 * time.Minute, SubscriptionBackoffMax: 2 * time.Second,
	}
}

// fixture is one Run under test.
type fixture struct {
	t      testing.TB
	outbox *outbox
	events chan *agent.Event
	result chan error
	cancel context.CancelFunc
}

// start runs a connection over dial, or over the real network where dial is nil, until the test's end.
func start(t testing.TB, env agent.Environment, dial secure.DialFunc, outbox *outbox, logger *zap.Logger) *fixture {
	t.Helper()
	c, err := New(env, cmp.Or(logger, zap.NewNop()))
	if err != nil {
		t.Fatal(err)
	}
	if dial != nil {
		if err := c.client.connectBy(dial); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fixture{t: t, outbox: outbox, events: make(chan *agent.Event), result: make(chan error, 1), cancel: cancel}
	go func() {
		f.result <- c.Run(ctx, outbox, f.events)
		close(f.result)
	}()
	t.Cleanup(f.stop)
	return f
}

// stop ends Run and waits for it.
func (f *fixture) stop() {
	f.cancel()
	for range f.result {
	}
}

// expect is agentstream.Expect.
func (f *fixture) expect(want executor.Event_Type) *agent.Event {
	f.t.Helper()
	return agentstream.Expect(f.t, f.events, f.result, want, time.Hour)
}

// quiet is agentstream.Quiet.
func (f *fixture) quiet(d time.Duration) {
	f.t.Helper()
	agentstream.Quiet(f.t, f.events, f.result, d)
}

// fails waits for Run's own end and returns its error, which must contain the given words.
func (f *fixture) fails(words ...string) error {
	f.t.Helper()
	select {
	case event := <-f.events:
		if event == agent.Away {
			return f.fails(words...)
		}
		f.t.Fatalf("event %v, want the end of Run", event.Type)
	case err := <-f.result:
		if err == nil || errors.Is(err, context.Canceled) {
			f.t.Fatalf("Run returned %v, want an error of its own", err)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				f.t.Errorf("error %q does not contain %q", err, word)
			}
		}
		return err
	case <-time.After(time.Hour):
		f.t.Fatal("Run goes on, want its end")
	}
	return nil
}

// overTCP serves handler on a real socket and returns the environment for it.
func overTCP(t testing.TB, handler http.Handler) agent.Environment {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	env := environment()
	env.AgentEndpoint = server.Listener.Addr().String()
	return env
}

func subscribedEvent() *agent.Event {
	return &agent.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{
		ExecutorInfo:  mesos.ExecutorInfo{ExecutorID: mesos.ExecutorID{Value: "executor"}},
		FrameworkInfo: mesos.FrameworkInfo{User: "root", Name: "marathon"},
		AgentInfo:     mesos.AgentInfo{Hostname: "host"},
	}}
}

func killEvent() *agent.Event {
	return &agent.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{TaskID: mesos.TaskID{Value: "task"}}}
}

func launchEvent(data []byte) *agent.Event {
	return &agent.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: mesos.TaskInfo{
		Name: "app", TaskID: mesos.TaskID{Value: "task"}, AgentID: mesos.AgentID{Value: "agent"}, Data: data,
	}}}
}

func acknowledgedEvent(s mesos.TaskStatus) *agent.Event {
	return &agent.Event{Type: executor.Event_ACKNOWLEDGED, Acknowledged: &executor.Event_Acknowledged{TaskID: s.TaskID, UUID: s.UUID}}
}

func fdName(f *os.File) string { return strconv.FormatUint(uint64(f.Fd()), 10) }

func itoa(n int) string { return strconv.Itoa(n) }

// discardHeader is a ResponseWriter that drops the header.
type discardHeader struct{ io.Writer }

func (discardHeader) Header() http.Header { return http.Header{} }
func (discardHeader) WriteHeader(int)     {}
