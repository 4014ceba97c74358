package record

import (
	"strings"
	"time"
	"unicode/utf8"
)

// State is where a task is, one word of a fixed set.
type State string

// The states, in the order in which tasks pass through them. Most tasks skip some.
const (
	Launched  State = "launched"  // the executor has given the task to the daemon
	Waiting   State = "waiting"   // for the Docker Engine to answer
	Preparing State = "preparing" // the task is translated and checked by the policy
	Pulling   State = "pulling"   // the registry is asked for the image, or sends it
	Queued    State = "queued"    // the pull waits for other pulls
	Retrying  State = "retrying"  // the pull waits for its next try
	Creating  State = "creating"
	Starting  State = "starting"
	Running   State = "running"   // and its health is not known
	Healthy   State = "healthy"   // it runs and its health check succeeds
	Unhealthy State = "unhealthy" // it runs and its health check fails
	Stopping  State = "stopping"
	Ended     State = "ended"
)

// Bounds of one record. Text of tasks can be of any length.
const (
	maxSteps  = 40
	maxProbes = 3
	maxProbe  = 1 << 10
	maxText   = 4 << 10
	maxName   = 512
)

// Record is what is known of one task.
type Record struct {
	Task        string `json:"task"`
	App         string `json:"app,omitempty"` // Marathon's
	Framework   string `json:"framework"`
	Executor    string `json:"executor"`
	Route       string `json:"route"`
	Sandbox     string `json:"sandbox"`
	Container   string `json:"container"` // its name
	ContainerID string `json:"container_id,omitempty"`

	Process Process `json:"executor_process,omitzero"` // the executor's

	Asked Asked `json:"asked"`

	// Steps are the changes of state, oldest first. Of many the first and the latest are kept, and Skipped counts the others.
	Steps   []Step `json:"steps"`
	Skipped int    `json:"skipped,omitempty"`

	Pull    *Pull    `json:"pull,omitempty"`
	Probes  []Probe  `json:"probes,omitempty"` // the latest failed probes of the health check, oldest first
	Stop    *Stop    `json:"stop,omitempty"`
	Refusal *Refusal `json:"refusal,omitempty"`
	Memory  *Memory  `json:"memory,omitempty"`
	End     *End     `json:"end,omitempty"`

	// Stopped says that a signal has stopped the executor. The caller of Why sets it.
	Stopped bool `json:"-"`

	sandboxGone bool // set by Find
}

// Process is wire.Process, which packages that only show records do not link.
type Process struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"start_time"`
	BootID    string `json:"boot_id"`
}

// Asked is what the task asks for.
type Asked struct {
	Image     string   `json:"image,omitempty"`
	CPUs      float64  `json:"cpus,omitempty"`
	Memory    int64    `json:"memory,omitempty"` // bytes
	Network   string   `json:"network,omitempty"`
	HostPorts []uint16 `json:"host_ports,omitempty"` // published by the Engine
	Health    string   `json:"health,omitempty"`     // the kind of the health check: HTTP, TCP, COMMAND; empty for none
}

// Step is one change of state.
type Step struct {
	State State     `json:"state"`
	Text  string    `json:"text,omitempty"` // what it is about, for people
	At    time.Time `json:"at"`
}

// Pull is the state of a pull that has failed at least once.
type Pull struct {
	Try   int       `json:"try"` // the one that failed last, from 1
	Of    int       `json:"of"`
	Kind  string    `json:"kind,omitempty"` // as in docs/images.md; empty while it is tried again
	Error string    `json:"error"`
	Next  time.Time `json:"next,omitzero"` // when the next try begins; zero if none follows
}

// Probe is one failed probe of the health check.
type Probe struct {
	At     time.Time `json:"at"`
	Output string    `json:"output"`
}

// Stop is the order to stop the container.
type Stop struct {
	By       string    `json:"by"` // who gave it and why, for people
	At       time.Time `json:"at"`
	Deadline time.Time `json:"deadline"` // when SIGKILL follows

	Unhealthy bool `json:"unhealthy,omitempty"` // because its health check failed too often
}

// Refusal is what the policy refuses.
type Refusal struct {
	Rule   string `json:"rule"`
	Source string `json:"source,omitempty"` // where the rule was set; empty if it is not set
}

// Memory has the figures of a container's memory cgroup, in bytes; 0 for what is unknown.
type Memory struct {
	Limit int64 `json:"limit,omitempty"`
	Peak  int64 `json:"peak,omitempty"`
}

// End is how a task ended.
type End struct {
	Outcome string `json:"outcome"` // exited, failed before it ran, or unknown
	Code    int    `json:"code"`
	OOM     bool   `json:"oom,omitempty"`
	Fault   string `json:"fault,omitempty"` // task or host, of a task that never ran
	Message string `json:"message,omitempty"`
}

// State is the latest state, empty for a record without steps.
func (r *Record) State() State { return r.last().State }

func (r *Record) last() Step {
	if len(r.Steps) == 0 {
		return Step{}
	}
	return r.Steps[len(r.Steps)-1]
}

// Enter adds a change of state.
func (r *Record) Enter(s Step) {
	s.Text = Clip(s.Text, maxText)
	if len(r.Steps) == maxSteps {
		middle := maxSteps / 2
		r.Steps = append(r.Steps[:middle], r.Steps[middle+1:]...)
		r.Skipped++
	}
	r.Steps = append(r.Steps, s)
}

// Failed adds a failed probe of the health check.
func (r *Record) Failed(p Probe) {
	p.Output = Clip(p.Output, maxProbe)
	r.Probes = append(r.Probes, p)
	if extra := len(r.Probes) - maxProbes; extra > 0 {
		r.Probes = r.Probes[extra:]
	}
}

// bounded returns a copy whose texts are within the bounds.
func (r Record) bounded() Record {
	for _, text := range []*string{&r.Task, &r.App, &r.Framework, &r.Executor, &r.Route, &r.Container, &r.ContainerID, &r.Asked.Image, &r.Asked.Network} {
		*text = Clip(*text, maxName)
	}
	r.Sandbox = Clip(r.Sandbox, maxText)
	if len(r.Asked.HostPorts) > maxSteps {
		r.Asked.HostPorts = r.Asked.HostPorts[:maxSteps]
	}
	if r.Pull != nil {
		pull := *r.Pull
		pull.Error = Clip(pull.Error, maxText)
		r.Pull = &pull
	}
	if r.Stop != nil {
		stop := *r.Stop
		stop.By = Clip(stop.By, maxProbe)
		r.Stop = &stop
	}
	if r.End != nil {
		end := *r.End
		end.Message = Clip(end.Message, maxText)
		r.End = &end
	}
	return r
}

// Clip shortens text to at most limit bytes of valid UTF-8, and marks that with "…".
func Clip(text string, limit int) string {
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= limit {
		return text
	}
	end := limit - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
