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

type jsonStatus struct {
	jsonHead
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	Source  string `json:"source,omitempty"`
	Healthy *bool  `json:"healthy,omitempty"`
	Check   *Check `json:"check,omitempty"`
}

type jsonOutput struct {
	jsonHead
	Stream  string `json:"stream"`
	Line    string `json:"line"`
	Partial bool   `json:"partial,omitempty"`
	Bytes   []byte `json:"line_base64,omitempty"`
}

type jsonProgress struct {
	jsonHead
	Progress
	Message string `json:"message,omitempty"`
}

type jsonPorts struct {
	jsonHead
	ContainerID string     `json:"container_id"`
	Addresses   []string   `json:"addresses"`
	Ports       []jsonPort `json:"ports"`
}

type jsonPort struct {
	HostIP        string `json:"host_ip"`
	HostPort      int    `json:"host_port"`
	ContainerPort int    `json:"container_port"`
	Protocol      string `json:"protocol"`
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
		s := e.Status
		return jsonStatus{head, s.State.String(), s.Reason, s.Message, s.Source, s.Healthy, s.Check}
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
		return jsonProgress{head, *e.Progress, e.Progress.Message}
	default:
		head.Event = "ports"
		ports := jsonPorts{head, e.Ports.ContainerID, append([]string{}, e.Ports.Addresses...), []jsonPort{}}
		for _, p := range e.Ports.Ports {
			ports.Ports = append(ports.Ports, jsonPort(p))
		}
		return ports
	}
}
