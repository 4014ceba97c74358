package run

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// events are one of each kind.
func events() []Event {
	head := Event{Time: start.Add(1500 * time.Millisecond), Name: "web.1", Task: "web.instance-1"}
	with := func(change func(*Event)) Event {
		e := head
		change(&e)
		return e
	}
	return []Event{
		with(func(e *Event) {
			e.Status = &Status{State: mesos.TASK_FAILED, Reason: "REASON_X", Message: "a\n\x1b[2Jb", Source: "SOURCE_EXECUTOR", Healthy: new(false)}
		}),
		with(func(e *Event) {
			e.Status = &Status{State: mesos.TASK_RUNNING, Healthy: new(true), Check: &Check{Type: "HTTP", StatusCode: new(uint32(503))}}
		}),
		with(func(e *Event) { e.Output = &Output{Line: []byte("<out>")} }),
		with(func(e *Event) { e.Output = &Output{Stderr: true, Line: []byte("\xff"), Partial: true} }),
		with(func(e *Event) {
			e.Progress = &Progress{Reference: "img", Bytes: 1, Total: 4, Layers: 3, Done: 2, Message: "Pulling img"}
		}),
		with(func(e *Event) {
			e.Ports = &Ports{ContainerID: "c", Addresses: []string{"172.17.0.2"},
				Ports: []Port{{HostPort: 31000, ContainerPort: 80, Protocol: "tcp"}, {HostIP: "127.0.0.1", HostPort: 31001, ContainerPort: 53, Protocol: "udp"}}}
		}),
	}
}

// TestJSONIsAnInterface writes down every field as scripts know it.
func TestJSONIsAnInterface(t *testing.T) {
	var out bytes.Buffer
	display := NewJSON(&out)
	for _, e := range events() {
		display.Show(e)
	}
	const head = `{"time":"2026-01-02T03:04:06.5Z","task":"web.instance-1","name":"web.1","event":`
	want := head + `"status","state":"TASK_FAILED","reason":"REASON_X","message":"a\n\u001b[2Jb","source":"SOURCE_EXECUTOR","healthy":false}
` + head + `"status","state":"TASK_RUNNING","healthy":true,"check":{"type":"HTTP","status_code":503}}
` + head + `"output","stream":"stdout","line":"<out>"}
` + head + `"output","stream":"stderr","line":"` + "\ufffd" + `","partial":true,"line_base64":"/w=="}
` + head + `"progress","reference":"img","bytes":1,"total":4,"layers":3,"done":2,"message":"Pulling img"}
` + head + `"ports","container_id":"c","addresses":["172.17.0.2"],"ports":[{"host_ip":"","host_port":31000,"container_port":80,"protocol":"tcp"},{"host_ip":"127.0.0.1","host_port":31001,"container_port":53,"protocol":"udp"}]}
`
	normal := func(s string) (objects []any) {
		for line := range strings.Lines(s) {
			var object any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			objects = append(objects, object)
		}
		return objects
	}
	if diff := cmp.Diff(normal(want), normal(out.String())); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	display := NewText(&out, TextOptions{Width: 6, Start: start})
	for _, e := range append(events(), events()[4]) { // a second line about the pull comes too early
		display.Show(e)
	}
	display.Close()
	const want = `web.1    +1.500s TASK_FAILED unhealthy REASON_X: a  [2Jb
web.1    +1.500s TASK_RUNNING healthy (check answered 503)
web.1  | <out>
web.1  ! ` + "\xff" + `
web.1    +1.500s Pulling img
web.1    HOST PORT         CONTAINER PORT   CONTAINER ADDRESS
web.1    31000             80/tcp           172.17.0.2
web.1    127.0.0.1:31001   53/udp           172.17.0.2
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// A task's own time is rounded, and may be before the run's.
func TestNoTimeIsBelowZero(t *testing.T) {
	var out bytes.Buffer
	NewText(&out, TextOptions{Width: 3, Start: start}).Show(Event{Time: start.Add(-time.Millisecond / 4), Name: "web", Status: &Status{State: mesos.TASK_STARTING}})
	if want := "web   +0.000s TASK_STARTING\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestCheckInWords(t *testing.T) {
	for want, status := range map[string]*mesos.CheckStatusInfo{
		"":                      nil,
		"check exited with 0":   {Type: mesos.CheckInfo_COMMAND.Enum(), Command: &mesos.CheckStatusInfo_Command{ExitCode: new(int32(0))}},
		"check answered 200":    {Type: mesos.CheckInfo_HTTP.Enum(), HTTP: &mesos.CheckStatusInfo_Http{StatusCode: new(uint32(200))}},
		"check connected":       {Type: mesos.CheckInfo_TCP.Enum(), TCP: &mesos.CheckStatusInfo_Tcp{Succeeded: new(true)}},
		"check did not connect": {Type: mesos.CheckInfo_TCP.Enum(), TCP: &mesos.CheckStatusInfo_Tcp{Succeeded: new(false)}},
	} {
		if got := checkOf(status).String(); got != want {
			t.Errorf("%v is %q, want %q", status, got, want)
		}
	}
	unknown := checkOf(&mesos.CheckStatusInfo{Type: mesos.CheckInfo_TCP.Enum(), TCP: &mesos.CheckStatusInfo_Tcp{}})
	if unknown.Type != "TCP" || unknown.String() != "" {
		t.Errorf("without a value: %+v, %q", unknown, unknown)
	}
}
