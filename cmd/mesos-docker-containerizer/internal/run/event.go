package run

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Event is one thing that happened to a task. Exactly one of the pointers is set.
type Event struct {
	Time time.Time
	Name string // the task's short name
	Task string // the task's id

	Status   *Status
	Output   *Output
	Progress *Progress
	Ports    *Ports
}

// Status is a status update as a framework gets it.
type Status struct {
	State   mesos.TaskState `json:"state"`
	Reason  string          `json:"reason,omitempty"` // REASON_…; empty where the update has none
	Message string          `json:"message,omitempty"`
	Source  string          `json:"source,omitempty"`  // SOURCE_…
	Healthy *bool           `json:"healthy,omitempty"` // nil as long as nothing is known of the task's health
	Check   *Check          `json:"check,omitempty"`   // nil where the task has no check
}

// Check is what is known of a task's check. Of the values the one of its type is set, if there is one.
type Check struct {
	Type       string  `json:"type"` // COMMAND, HTTP or TCP
	ExitCode   *int32  `json:"exit_code,omitempty"`
	StatusCode *uint32 `json:"status_code,omitempty"`
	Succeeded  *bool   `json:"succeeded,omitempty"`
}

func checkOf(status *mesos.CheckStatusInfo) *Check {
	if status == nil {
		return nil
	}
	c := &Check{Type: status.GetType().String()}
	if status.Command != nil {
		c.ExitCode = status.Command.ExitCode
	}
	if status.HTTP != nil {
		c.StatusCode = status.HTTP.StatusCode
	}
	if status.TCP != nil {
		c.Succeeded = status.TCP.Succeeded
	}
	return c
}

// String is the value in words, empty without one.
func (c *Check) String() string {
	switch {
	case c == nil:
		return ""
	case c.ExitCode != nil:
		return fmt.Sprintf("check exited with %d", *c.ExitCode)
	case c.StatusCode != nil:
		return fmt.Sprintf("check answered %d", *c.StatusCode)
	case c.Succeeded == nil:
		return ""
	case *c.Succeeded:
		return "check connected"
	default:
		return "check did not connect"
	}
}

// Output is a line of a task's output, or a part of one that is long or has no end.
type Output struct {
	Stderr  bool
	Line    []byte // only valid during the call it is shown by
	Partial bool   // no newline followed
}

// Progress is how far the pull of a task's image is.
type Progress struct {
	Reference string `json:"reference"`
	Bytes     int64  `json:"bytes"`
	Total     int64  `json:"total"` // zero while it is not known
	Layers    int    `json:"layers"`
	Done      int    `json:"done"`

	Message string `json:"-"` // the same in words
}

// Ports is where a running task can be reached.
type Ports struct {
	ContainerID string   `json:"container_id"`
	Addresses   []string `json:"addresses"` // the container's own
	Ports       []Port   `json:"ports"`
}

// Port is one port of the host that leads to the task.
type Port struct {
	HostIP        string `json:"host_ip"` // empty for every address of the host
	HostPort      int    `json:"host_port"`
	ContainerPort int    `json:"container_port"`
	Protocol      string `json:"protocol"` // tcp, udp or sctp
}

// host is where the port is on the host: "31000", or "127.0.0.1:31000".
func (p Port) host() string {
	if p.HostIP != "" {
		return fmt.Sprintf("%s:%d", p.HostIP, p.HostPort)
	}
	return fmt.Sprint(p.HostPort)
}

// Display shows events. It is called from several goroutines.
type Display interface {
	Show(Event)
}
