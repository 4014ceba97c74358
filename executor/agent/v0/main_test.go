package v0

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/test/agentstream"
	"mesos-docker-containerizer/test/fakeagent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = 30 * time.Second

// outbox is an Outbox.
type outbox struct {
	mu      sync.Mutex
	tasks   []mesos.TaskInfo
	updates []mesos.TaskStatus
	acked   map[int]bool
	changed chan struct{}
}

func newOutbox() *outbox { return &outbox{acked: map[int]bool{}, changed: make(chan struct{})} }

func (l *outbox) launched(task mesos.TaskInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tasks = append(l.tasks, task)
}

func (l *outbox) add(status mesos.TaskStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.updates = append(l.updates, status)
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *outbox) acknowledge(ack *executor.Event_Acknowledged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, u := range l.updates {
		if string(u.UUID) == string(ack.UUID) && u.TaskID == ack.TaskID {
			l.acked[i] = true
			l.tasks = nil
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
	return append([]mesos.TaskInfo(nil), l.tasks...), updates, agent.Cursor(len(l.updates))
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

// status is an update as the executor records it. Its UUID ends with n.
func status(n int, state mesos.TaskState) mesos.TaskStatus {
	source, now := mesos.SOURCE_EXECUTOR, float64(1.5e9+n)
	return mesos.TaskStatus{
		TaskID: mesos.TaskID{Value: "task"}, State: &state, Source: &source, Timestamp: &now,
		UUID: []byte{6: 0x40, 8: 0x80, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)},
	}
}

func task() mesos.TaskInfo {
	return mesos.TaskInfo{Name: "app", TaskID: mesos.TaskID{Value: "task"}, AgentID: mesos.AgentID{Value: "agent-S0"}}
}

// environment is that of an executor of the agent's, changed.
func environment(t testing.TB, a *fakeagent.Agent, changes ...string) agent.Environment {
	t.Helper()
	variables := map[string]string{}
	for _, v := range append(a.Environ(true, "/sandbox"), changes...) {
		name, value, _ := strings.Cut(v, "=")
		variables[name] = value
	}
	env, err := agent.FromEnviron(func(name string) string { return variables[name] })
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// newAgent starts an agent whose violations fail the test.
func newAgent(t testing.TB, o fakeagent.Options) *fakeagent.Agent {
	t.Helper()
	a, err := fakeagent.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Stop()
		if err := a.Violations(); err != nil {
			t.Errorf("the agent was told what it does not take: %v", err)
		}
	})
	return a
}

// fixture is one Run under test.
type fixture struct {
	t      testing.TB
	outbox *outbox
	events chan *agent.Event
	result chan error
	cancel context.CancelFunc
}

func start(t testing.TB, env agent.Environment) *fixture {
	t.Helper()
	c, err := New(env, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fixture{t: t, outbox: newOutbox(), events: make(chan *agent.Event), result: make(chan error, 1), cancel: cancel}
	go func() {
		f.result <- c.Run(ctx, f.outbox, f.events)
		close(f.result)
	}()
	t.Cleanup(f.stop)
	return f
}

// stop ends Run and waits for it.
func (f *fixture) stop() {
	f.cancel()
	for err := range f.result {
		if !errors.Is(err, context.Canceled) {
			f.t.Errorf("Run returned %v", err)
		}
	}
}

// expect is agentstream.Expect.
func (f *fixture) expect(want executor.Event_Type) *agent.Event {
	f.t.Helper()
	return agentstream.Expect(f.t, f.events, f.result, want, patience)
}

// launched goes through registration and launch.
func (f *fixture) launched(a *fakeagent.Agent) {
	f.t.Helper()
	f.expect(executor.Event_SUBSCRIBED)
	if err := a.Launch(task()); err != nil {
		f.t.Fatal(err)
	}
	f.outbox.launched(f.expect(executor.Event_LAUNCH).Launch.Task)
}

// acknowledged sends an update and waits for its acknowledgement.
func (f *fixture) acknowledged(s mesos.TaskStatus) {
	f.t.Helper()
	f.outbox.add(s)
	f.outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged)
	if _, updates, _ := f.outbox.Unacknowledged(); len(updates) != 0 {
		f.t.Fatalf("%d updates are not acknowledged", len(updates))
	}
}

// quiet is agentstream.Quiet.
func (f *fixture) quiet(d time.Duration) {
	f.t.Helper()
	agentstream.Quiet(f.t, f.events, f.result, d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func patiently(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
