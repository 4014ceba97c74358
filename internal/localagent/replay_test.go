package localagent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"

	"mesos-docker-containerizer/test/capture"
)

// TestReplayOfARealAgent plays the executor's side of a session with a real agent against this one and compares all that
// comes back: codes, events, and every field of them but the container id and the port.
func TestReplayOfARealAgent(t *testing.T) {
	session, err := capture.AgentRestart()
	if err != nil {
		t.Fatal(err)
	}
	steps := session.Steps()
	subscribed, task := firstEvents(t, steps)
	a := newAgent(t, Options{
		AgentID:   subscribed.AgentInfo.ID.Value,
		Hostname:  subscribed.AgentInfo.Hostname,
		Resources: subscribed.AgentInfo.Resources,
		Framework: &subscribed.FrameworkInfo,
	})
	launch(t, a, mute, func(r *LaunchRequest) { r.Task = task })

	r := &replay{t: t, agent: a, streams: make(map[int]*wire)}
	for i, step := range steps {
		t.Logf("%8s %s", step.Time.Round(1e6), step.Kind)
		r.step(step, i, steps)
	}
}

// firstEvents digs out what the real agent was told about framework and task.
func firstEvents(t *testing.T, steps []capture.Step) (subscribed *executor.Event_Subscribed, task mesos.TaskInfo) {
	t.Helper()
	for _, s := range steps {
		if s.Kind != capture.StreamSent {
			continue
		}
		if s.Event.Event.Subscribed != nil && subscribed == nil {
			subscribed = s.Event.Event.Subscribed
		}
		if s.Event.Event.Launch != nil {
			return subscribed, s.Event.Event.Launch.Task
		}
	}
	t.Fatal("the recording has no LAUNCH")
	return nil, task
}

type replay struct {
	t       *testing.T
	agent   *Agent
	streams map[int]*wire // by the number of the recorded connection
	stopped bool
}

// wire is one connection of the replay.
type wire struct {
	conn     net.Conn
	response *http.Response
	records  framing.Reader
}

func (r *replay) step(step capture.Step, i int, steps []capture.Step) {
	t := r.t
	t.Helper()
	switch step.Kind {
	case capture.Refused:
		if i < 2 { // the recorder's own probe, before the agent was up
			return
		}
		if conn, err := net.Dial("tcp", r.agent.Endpoint()); err == nil {
			conn.Close()
			t.Fatal("a stopped agent took a connection")
		}
	case capture.Call:
		r.comeBack()
		r.streams[step.Connection] = r.call(step.Exchange.Request)
	case capture.Answer:
		r.answer(r.streams[step.Connection], step.Exchange)
	case capture.StreamSent:
		switch step.Event.Event.Type {
		case executor.Event_KILL:
			r.agent.endWindow() // seconds have passed in the recording
			if err := r.agent.Kill(step.Event.Event.Kill.TaskID.Value, step.Event.Event.Kill.KillPolicy); err != nil {
				t.Fatal(err)
			}
		case executor.Event_SHUTDOWN:
			if err := r.agent.Shutdown(step.Exchange.Call.ExecutorID.Value); err != nil {
				t.Fatal(err)
			}
		}
		r.event(r.streams[step.Connection], step)
	case capture.AgentGone:
		if err := r.agent.Stop(); err != nil {
			t.Fatal(err)
		}
		r.stopped = true
		r.streams[step.Connection].conn.Close()
	case capture.ClientGone:
		r.streams[step.Connection].conn.Close()
	}
}

// comeBack starts a stopped agent again, and finds it answering as one that starts.
func (r *replay) comeBack() {
	t := r.t
	t.Helper()
	if !r.stopped {
		return
	}
	r.stopped = false
	request := capture.Request{Method: "POST", Path: executorRoute, Header: http.Header{}}
	for _, next := range []struct {
		move func() error
		code int
	}{{r.agent.Start, http.StatusNotFound}, {r.agent.Recover, http.StatusServiceUnavailable}} {
		if err := next.move(); err != nil {
			t.Fatal(err)
		}
		w := r.call(request)
		if w.response.StatusCode != next.code {
			t.Fatalf("a starting agent answered %d, want %d", w.response.StatusCode, next.code)
		}
		w.conn.Close()
	}
	if err := r.agent.Reconnect(); err != nil {
		t.Fatal(err)
	}
}

// call sends a recorded request, header and body in segments of their own as the recorded client did.
func (r *replay) call(request capture.Request) *wire {
	t := r.t
	t.Helper()
	conn, err := net.Dial("tcp", r.agent.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var header bytes.Buffer
	fmt.Fprintf(&header, "%s %s HTTP/1.1\r\nHost: agent\r\nContent-Length: %d\r\n", request.Method, request.Path, len(request.Body))
	for name, values := range request.Header {
		if name != "Content-Length" {
			fmt.Fprintf(&header, "%s: %s\r\n", name, values[0])
		}
	}
	header.WriteString("\r\n")
	for _, segment := range [][]byte{header.Bytes(), request.Body} {
		if _, err := conn.Write(segment); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &wire{conn: conn, response: response, records: recordio.NewReader(response.Body)}
}

func (r *replay) answer(w *wire, recorded *capture.Exchange) {
	t := r.t
	t.Helper()
	if w.response.StatusCode != recorded.Code {
		t.Errorf("%s answered %d, the real agent %d", recorded.Call.Type, w.response.StatusCode, recorded.Code)
	}
	for _, name := range []string{"Content-Type", "Content-Length"} {
		if diff := cmp.Diff(recorded.Header[name], w.response.Header[name]); diff != "" {
			t.Errorf("%s of the answer to %s (-real +got):\n%s", name, recorded.Call.Type, diff)
		}
	}
}

// event reads the next event and compares it, as JSON so that no field can hide, with the recorded one.
func (r *replay) event(w *wire, step capture.Step) {
	t := r.t
	t.Helper()
	record, err := w.records.ReadFrame()
	if err != nil {
		t.Fatalf("instead of %s: %v", step.Event.Event.Type, err)
	}
	if diff := cmp.Diff(comparable(t, step.Event.Raw), comparable(t, record)); diff != "" {
		t.Errorf("event %s (-real +got):\n%s", step.Event.Event.Type, diff)
	}
}

// comparable decodes an event without what is never the same twice.
func comparable(t *testing.T, record []byte) map[string]any {
	t.Helper()
	var event map[string]any
	if err := json.Unmarshal(record, &event); err != nil {
		t.Fatal(err)
	}
	if subscribed, ok := event["subscribed"].(map[string]any); ok {
		delete(subscribed, "container_id")
		delete(subscribed["agent_info"].(map[string]any), "port")
	}
	return event
}
