package fakeagent

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// executor is one whose every message is as the test wants it.
type executor struct {
	t        *testing.T
	agent    *Agent
	listener net.Listener
	conn     net.Conn
	upid     string
}

func newExecutor(t *testing.T) *executor {
	t.Helper()
	a, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := &executor{t: t, agent: a}
	if e.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	discarded := make(chan struct{})
	go func() {
		defer close(discarded)
		for {
			conn, err := e.listener.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	if e.conn, err = net.Dial("tcp", endpoint(a.UPID())); err != nil {
		t.Fatal(err)
	}
	e.upid = "executor(1)@" + e.listener.Addr().String()
	t.Cleanup(func() { e.conn.Close(); a.Stop(); e.listener.Close(); <-discarded })
	return e
}

// send sends a message as it should be, but for what is replaced in its head.
func (e *executor) send(name string, m proto.Message, replace ...string) {
	e.t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	head := fmt.Sprintf("POST /slave(1)/mesos.internal.%s HTTP/1.1\r\nUser-Agent: libprocess/%[2]s\r\nLibprocess-From: %[2]s\r\n"+
		"Connection: Keep-Alive\r\nHost: \r\nTransfer-Encoding: chunked\r\n\r\n", name, e.upid)
	if _, err := fmt.Fprintf(e.conn, "%s%x\r\n%s\r\n0\r\n\r\n", strings.NewReplacer(replace...).Replace(head), len(body), body); err != nil {
		e.t.Fatal(err)
	}
	e.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := e.conn.Read(make([]byte, 512)); err != nil { // the answer comes when it has been judged
		e.t.Fatal(err)
	}
}

func (e *executor) register(replace ...string) {
	e.t.Helper()
	e.send("RegisterExecutorMessage", &registerExecutor{
		FrameworkID: &mesos.FrameworkID{Value: "framework"}, ExecutorID: &mesos.ExecutorID{Value: "executor"}}, replace...)
}

// update sends one that an agent takes, but for what is changed.
func (e *executor) update(n byte, state mesos.TaskState, change func(*statusUpdate)) {
	e.t.Helper()
	now, uuid, agent := 1.5e9, []byte{15: n}, &mesos.AgentID{Value: "agent-S0"}
	m := &statusUpdate{PID: &e.upid, Update: &update{
		FrameworkID: &mesos.FrameworkID{Value: "framework"}, ExecutorID: &mesos.ExecutorID{Value: "executor"}, AgentID: agent, Timestamp: &now, UUID: uuid,
		Status: &mesos.TaskStatus{TaskID: mesos.TaskID{Value: "task"}, State: &state, AgentID: agent, Timestamp: &now, UUID: uuid},
	}}
	if change != nil {
		change(m)
	}
	e.send("StatusUpdateMessage", m)
}

func (e *executor) launch() {
	e.t.Helper()
	if err := e.agent.Launch(mesos.TaskInfo{TaskID: mesos.TaskID{Value: "task"}}); err != nil {
		e.t.Fatal(err)
	}
}

// The double takes what agents take.
func TestRegularLife(t *testing.T) {
	e := newExecutor(t)
	e.launch()
	e.register()
	for n, state := range []mesos.TaskState{mesos.TASK_STARTING, mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_RUNNING, mesos.TASK_KILLING, mesos.TASK_KILLED} {
		e.update(byte(n), state, nil)
	}
	e.update(5, mesos.TASK_KILLED, nil) // again
	if err := e.agent.Violations(); err != nil || len(e.agent.Stored()) != 6 || e.agent.Repeated() != 1 {
		t.Errorf("%v; %d updates, %d again", err, len(e.agent.Stored()), e.agent.Repeated())
	}
}

// What agents drop, or end an executor for, is a violation.
func TestViolations(t *testing.T) {
	registered := func(e *executor) { e.launch(); e.register() }
	bad := func(change func(*statusUpdate)) func(*executor) {
		return func(e *executor) { registered(e); e.update(1, mesos.TASK_RUNNING, change) }
	}
	after := func(before, then mesos.TaskState) func(*executor) {
		return func(e *executor) { registered(e); e.update(1, before, nil); e.update(2, then, nil) }
	}
	for name, test := range map[string]struct {
		do   func(*executor)
		word string
	}{
		"registered twice": {func(e *executor) { e.register(); e.register() }, "RegisterExecutorMessage"},
		"another framework": {func(e *executor) {
			e.send("RegisterExecutorMessage", &registerExecutor{FrameworkID: &mesos.FrameworkID{Value: "x"}, ExecutorID: &mesos.ExecutorID{Value: "executor"}})
		}, "framework"},
		"sender elsewhere":        {func(e *executor) { e.register("executor(1)@127.0.0.1", "executor(1)@192.0.2.1") }, "REQUIRE_PEER_ADDRESS"},
		"no Libprocess-From":      {func(e *executor) { e.register("Libprocess-From", "X-From") }, "Libprocess-From"},
		"connection to be closed": {func(e *executor) { e.register("Keep-Alive", "close") }, "Connection"},
		"to nobody":               {func(e *executor) { e.register("/slave(1)/", "/master/") }, "/master/"},
		"message for executors": {func(e *executor) {
			registered(e)
			e.send("RunTaskMessage", &registerExecutor{FrameworkID: &mesos.FrameworkID{}, ExecutorID: &mesos.ExecutorID{}})
		}, "no message for an agent"},
		"update before all": {func(e *executor) { e.launch(); e.update(1, mesos.TASK_RUNNING, nil) }, "the executor is"},
		"reregistered unasked": {func(e *executor) {
			registered(e)
			e.send("ReregisterExecutorMessage", &reregisterExecutor{FrameworkID: &mesos.FrameworkID{Value: "framework"}, ExecutorID: &mesos.ExecutorID{Value: "executor"}})
		}, "in state"},
		"no pid":                 {bad(func(m *statusUpdate) { m.PID = nil }), "never be acknowledged"},
		"pid of another":         {bad(func(m *statusUpdate) { m.PID = proto.String("executor(1)@127.0.0.1:1") }), "never be acknowledged"},
		"no slave_id":            {bad(func(m *statusUpdate) { m.Update.AgentID = nil }), "slave_id"},
		"another slave_id":       {bad(func(m *statusUpdate) { m.Update.Status.AgentID = &mesos.AgentID{Value: "S1"} }), "status.slave_id"},
		"short uuid":             {bad(func(m *statusUpdate) { m.Update.UUID = m.Update.UUID[1:] }), "15 bytes"},
		"two uuids":              {bad(func(m *statusUpdate) { m.Update.Status.UUID = nil }), "status.uuid"},
		"no timestamp":           {bad(func(m *statusUpdate) { m.Update.Status.Timestamp = nil }), "timestamp"},
		"staging":                {bad(func(m *statusUpdate) { m.Update.Status.State = mesos.TASK_STAGING.Enum() }), "state"},
		"another task":           {bad(func(m *statusUpdate) { m.Update.Status.TaskID.Value = "x" }), "unknown task"},
		"RUNNING after KILLING":  {after(mesos.TASK_KILLING, mesos.TASK_RUNNING), "follows"},
		"STARTING after RUNNING": {after(mesos.TASK_RUNNING, mesos.TASK_STARTING), "follows"},
		"FINISHED after KILLED":  {after(mesos.TASK_KILLED, mesos.TASK_FINISHED), "follows"},
		"a task lost in restart": {func(e *executor) {
			registered(e)
			e.agent.Stop()
			if err := e.agent.Start(true); err != nil {
				e.t.Fatal(err)
			}
			conn, err := net.Dial("tcp", endpoint(e.agent.UPID()))
			if err != nil {
				e.t.Fatal(err)
			}
			e.conn.Close()
			e.conn = conn
			e.send("ReregisterExecutorMessage", &reregisterExecutor{FrameworkID: &mesos.FrameworkID{Value: "framework"}, ExecutorID: &mesos.ExecutorID{Value: "executor"}})
		}, "would be dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExecutor(t)
			test.do(e)
			if err := e.agent.Violations(); err == nil || !strings.Contains(err.Error(), test.word) {
				t.Errorf("violations %v, want %q in them", err, test.word)
			}
		})
	}
}
