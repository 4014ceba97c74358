package localagent

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
)

// refusalCase is one request that must not be accepted.
type refusalCase struct {
	name        string
	method      string                             // POST if empty
	path        string                             // the executor route if empty
	contentType string                             // JSON if empty, absent if "-"
	accept      string                             // absent if empty
	body        []byte                             // of a valid SUBSCRIBE if nil
	change      func(*client, *executor.Call) bool // makes the body from an UPDATE; true asks for protobuf
	code        int
	text        string
}

func TestRefusals(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a)
	c.subscribe().next(executor.Event_SUBSCRIBED)
	for _, tc := range append(malformed(), invalid()...) {
		t.Run(tc.name, func(t *testing.T) {
			c.t = t
			code, text := tc.send(c)
			if code != tc.code || !strings.Contains(text, tc.text) {
				t.Errorf("answered %d %q, want %d %q", code, text, tc.code, tc.text)
			}
		})
	}
	if stored := seen(a, c.task); len(stored) > 0 {
		t.Errorf("refused updates were stored: %v", stored)
	}
}

func (tc refusalCase) send(c *client) (int, string) {
	c.t.Helper()
	body, contentType := tc.body, tc.contentType
	if contentType == "" {
		contentType = "application/json"
	}
	var err error
	switch {
	case tc.change != nil:
		call := c.update(mesos.TASK_RUNNING)
		if tc.change(c, call) {
			contentType = "application/x-protobuf"
			body, err = call.Marshal()
		} else {
			body, err = json.Marshal(call)
		}
	case body == nil:
		call := c.call(executor.Call_SUBSCRIBE)
		call.Subscribe = &executor.Call_Subscribe{}
		body, err = json.Marshal(call)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	method, path := tc.method, tc.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = executorRoute
	}
	request, err := http.NewRequest(method, c.base+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if contentType != "-" {
		request.Header.Set("Content-Type", contentType)
	}
	if tc.accept != "" {
		request.Header.Set("Accept", tc.accept)
	}
	response, err := c.http.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return http.StatusOK, "a stream"
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// malformed are refused for what HTTP or the encoding makes of them.
func malformed() []refusalCase {
	const toJSON = "Failed to parse body into JSON"
	const toCall = "Failed to convert JSON into Call protobuf"
	return []refusalCase{
		{name: "GET", method: "GET", code: 405, text: "Expecting one of { 'POST' }, but received 'GET'"},
		{name: "PUT", method: "PUT", code: 405},
		{name: "other path", path: "/api/v1", code: 404},
		{name: "other process", path: "/slave(2)/api/v1/executor", code: 404},
		{name: "no content type", contentType: "-", code: 400, text: "Expecting 'Content-Type' to be present"},
		{name: "text", contentType: "text/plain", code: 415,
			text: "Expecting 'Content-Type' of application/json or application/x-protobuf"},
		{name: "parameter", contentType: "application/json; charset=utf-8", code: 415},
		{name: "not acceptable", accept: "text/html", code: 406, text: "Expecting 'Accept' to allow"},
		{name: "excluded", accept: "application/json;q=0, application/x-protobuf;q=0.0", code: 406},
		{name: "empty", body: []byte{}, code: 400, text: toJSON},
		{name: "truncated", body: []byte(`{"type":`), code: 400, text: toJSON},
		{name: "trailing", body: []byte(`{}x`), code: 400, text: toJSON},
		{name: "array", body: []byte(`[]`), code: 400, text: toCall},
		{name: "null", body: []byte(`null`), code: 400, text: toCall},
		{name: "no ids", body: []byte(`{"type":"SUBSCRIBE","subscribe":{}}`), code: 400, text: "executor_id.value, framework_id.value"},
		{name: "id without value", code: 400, text: "executor_id.value",
			body: []byte(`{"type":"HEARTBEAT","executor_id":{},"framework_id":{"value":"f"}}`)},
		{name: "no type", code: 400, text: "Failed to validate Executor::Call: Expecting 'type' to be present",
			body: []byte(`{"executor_id":{"value":"e"},"framework_id":{"value":"f"}}`)},
		{name: "unheard-of type", code: 400,
			body: []byte(`{"type":"SING","executor_id":{"value":"e"},"framework_id":{"value":"f"}}`)},
		{name: "status without state", code: 400, text: "update.status.state",
			body: []byte(`{"type":"UPDATE","executor_id":{"value":"e"},"framework_id":{"value":"f"},` +
				`"update":{"status":{"task_id":{"value":"t"}}}}`)},
		{name: "message without data", code: 400, text: "message.data",
			body: []byte(`{"type":"MESSAGE","executor_id":{"value":"e"},"framework_id":{"value":"f"},"message":{}}`)},
		{name: "unacknowledged task without name", code: 400, text: "unacknowledged_tasks[0].name",
			body: []byte(`{"type":"SUBSCRIBE","executor_id":{"value":"e"},"framework_id":{"value":"f"},` +
				`"subscribe":{"unacknowledged_tasks":[{"task_id":{"value":"t"},"agent_id":{"value":"a"}}]}}`)},
		{name: "protobuf junk", contentType: "application/x-protobuf", body: []byte{0xff, 0xff}, code: 400,
			text: "Failed to parse body into Call protobuf"},
		{name: "protobuf empty", contentType: "application/x-protobuf", body: []byte{}, code: 400},
		{name: "protobuf without type", contentType: "application/x-protobuf", code: 400, text: "Expecting 'type' to be present",
			body: []byte{0x0a, 3, 0x0a, 1, 'e', 0x12, 3, 0x0a, 1, 'f'}},
	}
}

// invalid are refused by validation or by what the agent knows.
func invalid() []refusalCase {
	status := func(code int, text string, change func(*mesos.TaskStatus)) refusalCase {
		return refusalCase{code: code, text: text, change: func(_ *client, call *executor.Call) bool {
			change(&call.Update.Status)
			return false
		}}
	}
	named := func(name string, tc refusalCase) refusalCase {
		tc.name = name
		return tc
	}
	check := func(text string, c mesos.CheckStatusInfo) refusalCase {
		return status(400, text, func(s *mesos.TaskStatus) { s.CheckStatus = &c })
	}
	call := func(code int, text string, change func(*executor.Call) bool) refusalCase {
		return refusalCase{code: code, text: text, change: func(_ *client, c *executor.Call) bool { return change(c) }}
	}
	return []refusalCase{
		named("no uuid", status(400, "Expecting 'uuid' to be present", func(s *mesos.TaskStatus) { s.UUID = nil })),
		named("uuid as text", status(400, "Not a valid UUID", func(s *mesos.TaskStatus) { s.UUID = []byte(newUUID()) })),
		named("uuid of 15 bytes", status(400, "Not a valid UUID", func(s *mesos.TaskStatus) { s.UUID = s.UUID[:15] })),
		named("uuid of no version", status(400, "Not a valid UUID", func(s *mesos.TaskStatus) { s.UUID = make([]byte, 16) })),
		named("other executor", status(400, "does not match ExecutorID in TaskStatus: x", func(s *mesos.TaskStatus) {
			s.ExecutorID = &mesos.ExecutorID{Value: "x"}
		})),
		named("no source", status(400, "invalid source", func(s *mesos.TaskStatus) { s.Source = nil })),
		named("agent as source", status(400, "invalid source", func(s *mesos.TaskStatus) { s.Source = mesos.SOURCE_AGENT.Enum() })),
		named("staging", status(400, "TASK_STAGING", func(s *mesos.TaskStatus) { s.State = mesos.TASK_STAGING.Enum() })),
		named("check without type", check("must specify 'type'", mesos.CheckStatusInfo{})),
		named("command check", check("'command'", mesos.CheckStatusInfo{Type: mesos.CheckInfo_COMMAND.Enum()})),
		named("http check", check("'http'", mesos.CheckStatusInfo{Type: mesos.CheckInfo_HTTP.Enum()})),
		named("tcp check", check("'tcp'", mesos.CheckStatusInfo{Type: mesos.CheckInfo_TCP.Enum()})),
		named("unknown check", check("'UNKNOWN' is not a valid", mesos.CheckStatusInfo{Type: mesos.CheckInfo_UNKNOWN.Enum()})),
		named("no update", call(400, "Expecting 'update'", func(c *executor.Call) bool { c.Update = nil; return true })),
		named("no subscribe", call(400, "Expecting 'subscribe'", func(c *executor.Call) bool {
			c.Type = executor.Call_SUBSCRIBE
			return true
		})),
		named("no message", call(400, "Expecting 'message'", func(c *executor.Call) bool {
			c.Type = executor.Call_MESSAGE
			return false
		})),
		named("unknown framework", call(400, "Framework cannot be found", func(c *executor.Call) bool {
			c.FrameworkID.Value = "x"
			return true
		})),
		named("unknown executor", call(400, "Executor cannot be found", func(c *executor.Call) bool {
			c.ExecutorID.Value = "x"
			return false
		})),
		named("state of no meaning", call(400, "Failed to parse body", func(c *executor.Call) bool {
			state := mesos.TaskState(77)
			c.Update.Status.State = &state
			return true
		})),
		named("UNKNOWN", call(501, "", func(c *executor.Call) bool { c.Type = executor.Call_UNKNOWN; return false })),
		named("UNKNOWN as protobuf", call(501, "", func(c *executor.Call) bool { c.Type = executor.Call_UNKNOWN; return true })),
	}
}

func TestCallsBeforeSubscribeAreForbidden(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a)
	if code, text := c.send(c.update(mesos.TASK_RUNNING)); code != 403 || text != "Executor is not subscribed" {
		t.Errorf("UPDATE answered %d %q", code, text)
	}
	// A heartbeat's ids must be there but nobody looks at them.
	c.must(c.call(executor.Call_HEARTBEAT))
	heartbeat := c.call(executor.Call_HEARTBEAT)
	heartbeat.ExecutorID.Value = "nobody"
	c.must(heartbeat)
}

func TestPhasesOfARestart(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a)
	stream := c.subscribe()
	stream.next(executor.Event_SUBSCRIBED)
	stream.next(executor.Event_LAUNCH)
	c.must(c.update(mesos.TASK_RUNNING))

	endpoint := a.Endpoint()
	expect := func(phase string, code int, text string) {
		t.Helper()
		for _, call := range []*executor.Call{c.update(mesos.TASK_RUNNING), c.call(executor.Call_HEARTBEAT)} {
			if got, said := c.send(call); got != code || !strings.Contains(said, text) {
				t.Errorf("%s: %s answered %d %q, want %d %q", phase, call.Type, got, said, code, text)
			}
		}
	}
	do := func(step func() error) {
		t.Helper()
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	do(a.Stop)
	expect("down", 0, "connection refused")
	do(a.Start)
	expect("starting", 404, "")
	do(a.Recover)
	expect("recovering", 503, "Agent has not finished recovery")
	do(a.Reconnect)
	if code, _ := c.send(c.update(mesos.TASK_RUNNING)); code != 503 {
		t.Errorf("UPDATE while executors reconnect answered %d", code)
	}
	c.must(c.call(executor.Call_HEARTBEAT))
	again := c.subscribe()
	again.next(executor.Event_SUBSCRIBED)
	if code, _ := c.send(c.update(mesos.TASK_RUNNING)); code != 503 {
		t.Errorf("UPDATE of a subscribed executor before the end of recovery answered %d", code)
	}
	if err := a.Kill(c.task.ID, nil); err == nil {
		t.Error("Kill succeeded before the end of recovery")
	}
	a.endWindow()
	c.must(c.update(mesos.TASK_RUNNING))
	if a.Endpoint() != endpoint {
		t.Errorf("the endpoint changed from %s to %s", endpoint, a.Endpoint())
	}
}

func TestAccepts(t *testing.T) {
	for _, tc := range []struct {
		header string
		want   string
	}{
		{"application/json", "application/json"},
		{"application/x-protobuf", "application/x-protobuf"},
		{"application/x-protobuf, application/json", "application/json"},
		{"APPLICATION/JSON", "application/json"},
		{"application/*", "application/json"},
		{"*/*;q=0.1", "application/json"},
		{"application/json;q=0, */*", "application/x-protobuf"},
		{"application/json; q=0.000, application/x-protobuf", "application/x-protobuf"},
		{"text/html", ""},
		{"*/*;q=0", ""},
		{"", ""},
	} {
		r := &http.Request{Header: http.Header{"Accept": {tc.header}}}
		if got := string(acceptable(r)); got != tc.want {
			t.Errorf("Accept %q: %q, want %q", tc.header, got, tc.want)
		}
	}
	if got := acceptable(&http.Request{Header: http.Header{}}); got != "application/json" {
		t.Errorf("no Accept: %q", got)
	}
}

func FuzzCall(f *testing.F) {
	for _, tc := range malformed() {
		f.Add(tc.contentType == "application/x-protobuf", tc.body)
	}
	call := &executor.Call{
		Type:        executor.Call_UPDATE,
		ExecutorID:  mesos.ExecutorID{Value: "e"},
		FrameworkID: mesos.FrameworkID{Value: "f"},
		Update: &executor.Call_Update{Status: mesos.TaskStatus{
			TaskID: mesos.TaskID{Value: "t"}, State: mesos.TASK_RUNNING.Enum(), Source: mesos.SOURCE_EXECUTOR.Enum(),
			UUID: newUUIDBytes(), CheckStatus: &mesos.CheckStatusInfo{Type: mesos.CheckInfo_TCP.Enum()},
		}},
	}
	for _, encode := range []func() ([]byte, error){call.MarshalJSON, call.Marshal} {
		body, err := encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body[0] != '{', body)
	}
	f.Fuzz(func(t *testing.T, protobuf bool, body []byte) {
		contentType := "application/json"
		if protobuf {
			contentType = "application/x-protobuf"
		}
		call, refused := parseCall(contentType, body)
		if (call == nil) == (refused == nil) {
			t.Fatal("neither refused nor accepted, or both")
		}
		if refused != nil {
			if refused.code != http.StatusBadRequest || refused.text == "" {
				t.Fatalf("refused with %d %q", refused.code, refused.text)
			}
			return
		}
		if call.Type == executor.Call_UPDATE && (!validUUID(call.Update.Status.UUID) || call.Update.Status.State == nil) {
			t.Fatal("an invalid update was accepted")
		}
		// What is accepted can be sent on, in either encoding.
		again, err := call.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, refused := parseCall("application/x-protobuf", again); refused != nil {
			t.Fatalf("the same call as protobuf is refused: %s", refused.text)
		}
	})
}
