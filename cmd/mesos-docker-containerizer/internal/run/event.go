package run

import (
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
	State   mesos.TaskState
	Reason  string // REASON_…; empty where the update has none
	Message string
	Source  string // SOURCE_…
	Healthy *bool  // nil where nothing checks the task's health
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
	ContainerID string
	Addresses   []string // the container's own
	Ports       []Port
}

// Port is one port of the host that leads to the task.
type Port struct {
	HostIP        string // empty for every address of the host
	HostPort      int
	ContainerPort int
	Protocol      string // tcp, udp or sctp
}

// Display shows events. It is called from several goroutines.
type Display interface {
	Show(Event)
}
