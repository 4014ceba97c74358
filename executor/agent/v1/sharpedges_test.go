package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"

	"mesos-docker-containerizer/executor/agent"
)

// The tests of this file are named after what surprises in mesos-go v0.0.11, in the order of the project's list of these. Each
// shows that this connection is not affected.

// 1. mesos-go sends calls through the proxy that the environment names: see TestNoProxyNoRedirectNoCookie.
func TestMesosGoUsesTheProxyOfTheEnvironment(t *testing.T) {
	c, err := newClient(environment())
	if err != nil {
		t.Fatal(err)
	}
	if c.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

// 2. mesos-go dials without the context.
func TestMesosGoDialsWithoutContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			before := time.Now()
			<-ctx.Done()
			left = time.Since(before)
			return nil, ctx.Err()
		}
		f := start(t, environment(), dial, newOutbox(), nil)
		<-time.After(time.Second)
		f.stop()
		synctest.Wait()
		if left != time.Second {
			t.Errorf("the dial went on for %s, Run ended after 1 s", left)
		}
	})
}

// 3. mesos-go knows no domain socket, no https and no token: see TestDomainSocket, TestTLS*, TestRequestsOverTCP.
func TestMesosGoKnowsNeitherSocketNorHTTPSNorToken(t *testing.T) {
	for want, change := range map[string]func(*agent.Environment){
		"http://192.0.2.1:5051/slave(1)/api/v1/executor":   func(*agent.Environment) {},
		"https://192.0.2.1:5051/slave(1)/api/v1/executor":  func(e *agent.Environment) { e.TLS.Enabled = true },
		"http://[2001:db8::1]:80/slave(2)/api/v1/executor": func(e *agent.Environment) { e.AgentEndpoint, e.AgentProcess = "[2001:db8::1]:80", "slave(2)" },
		"http://localhost/slave(1)/api/v1/executor":        func(e *agent.Environment) { e.AgentEndpoint, e.DomainSocket = "", "/run/mesos/agent.sock" },
	} {
		env := environment()
		change(&env)
		c, err := newClient(env)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.endpoint(); got != want {
			t.Errorf("endpoint %s, want %s", got, want)
		}
	}
}

// 4. mesos-go's stream is dead after an event of more than 4 MiB.
func TestMesosGoStopsAtEventsOf4MiB(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 5<<20)
	a := &scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
		s.subscribed(launchEvent(data), killEvent())
		s.hold()
	}}
	f := start(t, overTCP(t, a), nil, newOutbox(), nil)
	f.expect(executor.Event_SUBSCRIBED)
	if got := f.expect(executor.Event_LAUNCH).Launch.Task.Data; !bytes.Equal(got, data) {
		t.Errorf("%d bytes of data arrived, want %d", len(got), len(data))
	}
	f.expect(executor.Event_KILL)
	f.stop()

	var stream bytes.Buffer
	event, err := launchEvent(data).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := recordio.NewWriter(&stream).WriteFrame(event); err != nil {
		t.Fatal(err)
	}
	if _, err := recordio.NewReader(&stream).ReadFrame(); err == nil {
		t.Error("mesos-go reads it by now: our own reader could go")
	}
}

// 4, continued: there is a limit, and beyond it Run ends with an error instead of subscribing for ever.
func TestEventBeyondTheLimitEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		a := &scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.subscribed()
			_, _ = io.WriteString(s.w, "67108865\n")
			s.flush()
			s.hold()
		}}
		defer n.serve(a)()
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		f.fails("64 MiB")
		if calls := len(a.received()); calls != 1 {
			t.Errorf("%d subscriptions", calls)
		}
	})
}

// 5. mesos-go's JSON decoder fails at an enum value it does not know. In protobuf a number stays a number.
func TestMesosGoFailsAtUnknownEnumValuesInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		odd := mesos.ContainerInfo_Type(99)
		event := launchEvent(nil)
		event.Launch.Task.Container = &mesos.ContainerInfo{Type: &odd}
		defer n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.subscribed(event)
			s.hold()
		}})()
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		if got := f.expect(executor.Event_LAUNCH).Launch.Task.Container.Type; got == nil || *got != odd {
			t.Errorf("container type %v, want %v", got, odd)
		}
		f.stop()
	})
	if json.Unmarshal([]byte(`{"type":"BRAND_NEW"}`), new(agent.Event)) == nil {
		t.Error("the JSON decoder knows unknown enum values by now")
	}
}

// 6. mesos-go's backoff panics for 0, knows no chance and leaks.
func TestMesosGoBackoffPanicsAndIsNotRandom(t *testing.T) {
	for limit, bound := range map[time.Duration]time.Duration{
		0: quickestRetry, time.Nanosecond: quickestRetry, 200 * time.Millisecond: 200 * time.Millisecond,
		2 * time.Second: slowestRetry, 15 * time.Second: slowestRetry,
	} {
		var least, most time.Duration = bound, 0
		for range 1000 {
			pause := backoff(limit)
			least, most = min(least, pause), max(most, pause)
		}
		if most > bound || least < 0 {
			t.Errorf("backoff(%s) is from %s to %s, want at most %s", limit, least, most, bound)
		}
		if most < bound*9/10 || least > bound/10 {
			t.Errorf("backoff(%s) is from %s to %s, want it to use all of 0 to %s", limit, least, most, bound)
		}
	}
}

// 7. mesos-go's example ends at events it does not know, such as HEARTBEAT: see TestEventsArriveInOrderAndUnknownOnesDoNot.
func TestMesosGoExampleDiesOfHeartbeats(t *testing.T) {
	for _, c := range []struct {
		kind executor.Event_Type
		want bool
	}{{executor.Event_HEARTBEAT, false}, {executor.Event_UNKNOWN, false}, {10, false}, {-1, false}, {executor.Event_KILL, true}, {executor.Event_LAUNCH_GROUP, true}} {
		if got := wanted(&agent.Event{Type: c.kind}); got != c.want {
			t.Errorf("wanted(%v) = %v", c.kind, got)
		}
	}
}

// 8. mesos-go's example owes an update only once it was sent. Ours comes out of the outbox, so it is owed before.
func TestMesosGoExampleForgetsUpdatesThatWereNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		a := &scripted{subscribe: alwaysSubscribed, update: func(int, *executor.Call) int { panic(http.ErrAbortHandler) }}
		stop := n.serve(a)
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(status(1, mesos.TASK_FINISHED))
		synctest.Wait()
		stop()
		defer n.serve(a)()
		f.expect(executor.Event_SUBSCRIBED)
		calls := delivered(a)
		if last := calls[len(calls)-1]; last != "SUBSCRIBE[1]" {
			t.Errorf("after %q", calls)
		}
		f.stop()
	})
}

// 9. In mesos-go a deadline for updates would be one for the stream too: see TestHungAgentIsNoticed for the stream.
func TestMesosGoHasOneDeadlineForStreamAndCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		var answered []time.Duration
		a := &scripted{subscribe: alwaysSubscribed, update: func(i int, _ *executor.Call) int {
			if i == 1 {
				<-time.After(3 * updateTimeout)
			}
			return http.StatusAccepted
		}}
		defer n.serve(a)()
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(status(1, mesos.TASK_FINISHED))
		f.quiet(time.Hour) // the stream lives
		at := a.times()
		for i := 2; i < len(at); i++ {
			answered = append(answered, at[i].Sub(at[i-1]))
		}
		if len(answered) != 1 || answered[0] < updateTimeout || answered[0] > updateTimeout+slowestRetry {
			t.Errorf("the update was sent again after %v, want once after %s", answered, updateTimeout)
		}
		f.stop()
	})
}

// 10. mesos-go's errors keep the status to themselves, have no text for some, and come with a response to close.
func TestMesosGoErrorsHideTheStatus(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 406, 415, 429, 500, 501, 503} {
		res := &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader("agent's words\n"))}
		response, err := answer(res, 0, nil)
		if response != nil {
			t.Errorf("%d comes with a response to close", code)
		}
		refused, ok := err.(*refusal)
		if !ok || refused.code != code || refused.text != "agent's words" {
			t.Errorf("%d is %#v", code, err)
		}
	}
	long := &http.Response{StatusCode: 400, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20) + "\xff"))}
	if _, err := answer(long, 0, nil); len(err.(*refusal).text) > maxRefusalText {
		t.Error("the text of a refusal is unlimited")
	}
	for _, code := range []int{202, 204} { // mesos-go: ProtocolError
		if response, err := answer(&http.Response{StatusCode: code, Body: http.NoBody}, 0, nil); response != nil || err != nil {
			t.Errorf("%d is %v, %v", code, response, err)
		}
	}
}

// 11. The agent validates updates, mesos-go does not. What the agent refuses is logged and passed over: see
// TestInvalidUpdateIsPassedOver, and TestAgainstTheLocalAgent for a validating agent.
func TestMesosGoDoesNotValidateUpdates(t *testing.T) {
	for code, want := range map[int]bool{400: true, 405: true, 413: true, 415: true, 401: false, 403: false, 404: false, 500: false, 503: false} {
		if got := (&refusal{code: code}).invalid(); got != want {
			t.Errorf("%d means an invalid update: %v, want %v", code, got, want)
		}
	}
}

// 12. mesos-go fails to encode a message without a required field.
func TestMesosGoFailsAtMissingFieldsWhenItEncodes(t *testing.T) {
	bad := status(1, mesos.TASK_RUNNING)
	bad.State = nil
	if _, err := calls.Update(bad).Marshal(); err == nil {
		t.Fatal("it encodes by now")
	}
	synctest.Test(t, func(t *testing.T) {
		var n network
		a := &scripted{subscribe: alwaysSubscribed}
		defer n.serve(a)()
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(bad)
		outbox.add(status(2, mesos.TASK_FINISHED))
		f.quiet(time.Minute)
		assertDelivered(t, a, "SUBSCRIBE[]", "UPDATE 2")
		f.stop()
	})
	synctest.Test(t, func(t *testing.T) {
		var n network
		defer n.serve(&scripted{subscribe: alwaysSubscribed})()
		outbox := newOutbox()
		outbox.add(bad)
		start(t, environment(), n.dial, outbox, nil).fails("encode SUBSCRIBE", "state")
	})
}

// 13. mesos-go takes a stream for a single value where the agent's answer has a length.
func TestMesosGoTellsStreamsByContentLength(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var body bytes.Buffer
		s := &serverStream{w: discardHeader{&body}}
		s.send(subscribedEvent(), killEvent())
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Header().Set("Content-Length", itoa(body.Len()))
		_, _ = w.Write(body.Bytes())
	}))
	t.Cleanup(server.Close)
	env := environment()
	env.AgentEndpoint = server.Listener.Addr().String()
	f := start(t, env, nil, newOutbox(), nil)
	f.expect(executor.Event_SUBSCRIBED)
	f.expect(executor.Event_KILL)
	f.stop()
}

// 14. mesos-go forgets fields newer than Mesos 1.10. A task goes back to the agent in SUBSCRIBE, which compares ids only.
func TestMesosGoForgetsUnknownFields(t *testing.T) {
	event := launchEvent([]byte("data"))
	event.Launch.Task.Limits = map[string]mesos.Value_Scalar{"mem": {Value: 128}}
	record, err := event.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	record = append(record, 0xfa, 0x7f, 3, 'n', 'e', 'w') // field 2047 of Event
	got, err := streamOf(t, record).next()
	if err != nil {
		t.Fatal(err)
	}
	back, err := calls.Subscribe([]mesos.TaskInfo{got.Launch.Task}, nil).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var call executor.Call
	if err := call.Unmarshal(back); err != nil {
		t.Fatal(err)
	}
	if task := call.Subscribe.UnacknowledgedTasks[0]; !task.Equal(event.Launch.Task) {
		t.Errorf("the task goes back as %v", task)
	}
}

// 15. mesos-go's config insists on MESOS_SANDBOX and its durations overflow: see the tests of agent.FromEnviron.
func TestMesosGoConfigInsistsOnTheSandbox(t *testing.T) {
	variables := map[string]string{
		"MESOS_FRAMEWORK_ID": "f", "MESOS_EXECUTOR_ID": "e", "MESOS_SLAVE_ID": "s", "MESOS_DIRECTORY": "/d", "MESOS_AGENT_ENDPOINT": "127.0.0.1:5051",
	}
	env, err := agent.FromEnviron(func(name string) string { return variables[name] })
	if err != nil || env.Sandbox != "/d" {
		t.Errorf("sandbox %q, error %v", env.Sandbox, err)
	}
}

// A task is part of SUBSCRIBE until its first acknowledgement. The call must not stay in memory for the subscription's life.
func TestMemoryOfLargeMessagesIsGivenBack(t *testing.T) {
	const size = 16 << 20
	a := &scripted{}
	a.subscribe = func(_ int, _ *executor.Call, s *serverStream) {
		a.mu.Lock()
		a.calls = nil // the server's own copy
		a.mu.Unlock()
		s.subscribed()
		s.hold()
	}
	outbox := newOutbox()
	outbox.tasks = []mesos.TaskInfo{{Name: "app", TaskID: mesos.TaskID{Value: "task"}, Data: make([]byte, size)}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f := start(t, overTCP(t, a), nil, outbox, nil)
	f.expect(executor.Event_SUBSCRIBED)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > size/2 {
		t.Errorf("the heap grew by %d KiB during a subscription with a task of %d KiB", grown>>10, size>>10)
	}
	runtime.KeepAlive(outbox)
	f.stop()
}
