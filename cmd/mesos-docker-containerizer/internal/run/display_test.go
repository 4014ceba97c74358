package run

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
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

// TestBars draws on a real terminal: a bar for each image, lines above it, and nothing of it left at the end.
func TestBars(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	screen := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(master) // a pty ends with EIO
		screen <- string(all)
	}()
	display := NewText(terminal, TextOptions{Width: 5, Start: start, Terminal: terminal, Color: true})
	pull := func(task string, done int64) Event {
		return Event{Time: start, Name: task, Task: task, Progress: &Progress{Reference: "some/image:1", Bytes: done, Total: 4 << 20}}
	}
	state := func(task string, s mesos.TaskState) Event {
		return Event{Time: start, Name: task, Task: task, Status: &Status{State: s}}
	}
	display.Show(pull("one", 1<<20))
	display.Show(pull("two", 2<<20))
	for i := range 100 {
		display.Show(Event{Time: start, Name: "zero", Task: "zero", Output: &Output{Line: []byte{'#', byte('0' + i/10), byte('0' + i%10)}}})
	}
	display.Show(state("one", mesos.TASK_RUNNING))
	display.Show(pull("two", 3<<20))
	display.Show(state("two", mesos.TASK_RUNNING))
	if display.bars.progress != nil {
		t.Error("the bar is still there although nobody waits for it")
	}
	display.Show(pull("two", 1))
	display.Close()
	display.Show(state("two", mesos.TASK_FINISHED))
	closeAll(t, terminal)
	text := <-screen
	for _, want := range []string{"pulling some/image:1", "3.0MiB / 4.0MiB", "#00", "#99", green + "TASK_RUNNING" + reset, "TASK_FINISHED"} {
		if !strings.Contains(text, want) {
			t.Errorf("the screen never showed %q:\n%q", want, text)
		}
	}
	if n := strings.Count(text, "#"); n != 100 {
		t.Errorf("%d of 100 lines were shown", n)
	}
}

func closeAll(t *testing.T, files ...*os.File) {
	t.Helper()
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
