package run

import (
	"encoding/json"
	"io"
	"sync"
	"time"
	"unicode/utf8"
)

// JSON shows each event as a JSON object on a line of its own. The fields are an interface: scripts read them.
//
//	every event  time (RFC 3339), task (the task's id), name (its short name), event
//	status       state, reason, message, source, healthy, check (all but the first only where there is one); check has type and, where
//	             the probe came to one, a value: exit_code, status_code or succeeded
//	output       stream (stdout or stderr), line; partial: true if no newline followed; line_base64 where line is not UTF-8
//	progress     reference, bytes, total (0 while unknown), layers, done, message
//	ports        container_id, addresses (of the container), ports: host_ip ("" for all), host_port, container_port, protocol
type JSON struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

// NewJSON writes to w, whose errors are the caller's to notice.
func NewJSON(w io.Writer) *JSON {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &JSON{encoder: encoder}
}

type jsonHead struct {
	Time  string `json:"time"`
	Task  string `json:"task"`
	Name  string `json:"name"`
	Event string `json:"event"`
}

type jsonOutput struct {
	jsonHead
	Stream  string `json:"stream"`
	Line    string `json:"line"`
	Partial bool   `json:"partial,omitempty"`
	Bytes   []byte `json:"line_base64,omitempty"`
}

// Show implements Display.
func (j *JSON) Show(e Event) {
	line := j.line(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.encoder.Encode(line) // the types marshal; w's errors are the caller's to notice
}

func (j *JSON) line(e Event) any {
	head := jsonHead{Time: e.Time.UTC().Format(time.RFC3339Nano), Task: e.Task, Name: e.Name}
	switch {
	case e.Status != nil:
		head.Event = "status"
		return struct {
			jsonHead
			*Status
		}{head, e.Status}
	case e.Output != nil:
		head.Event = "output"
		out := jsonOutput{jsonHead: head, Stream: "stdout", Line: string(e.Output.Line), Partial: e.Output.Partial}
		if e.Output.Stderr {
			out.Stream = "stderr"
		}
		if !utf8.Valid(e.Output.Line) {
			out.Bytes = e.Output.Line
		}
		return out
	case e.Progress != nil:
		head.Event = "progress"
		return struct {
			jsonHead
			*Progress
			Message string `json:"message,omitempty"`
		}{head, e.Progress, e.Progress.Message}
	default:
		head.Event = "ports"
		ports := Ports{e.Ports.ContainerID, append([]string{}, e.Ports.Addresses...), append([]Port{}, e.Ports.Ports...)} // no null
		return struct {
			jsonHead
			Ports
		}{head, ports}
	}
}
