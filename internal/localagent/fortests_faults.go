package localagent

import (
	"fmt"

	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

// faults has the faults that tests have requested.
type faults struct {
	refusals             []Refusal
	holdAcknowledgements bool
	holdLaunches         bool
	lostAcknowledgements int
}

// Refusal replaces the answers to calls.
type Refusal struct {
	// Calls is how many calls it applies to.
	Calls int
	// Type is the type of call it applies to; UNKNOWN means each. HEARTBEAT is never refused.
	Type executor.Call_Type
	// Code and Text are the answer. With code 0 there is none: the connection is closed.
	Code int
	Text string
	// AfterHandling lets the call take effect and replaces only its answer.
	AfterHandling bool
}

// Refuse adds a fault. Several apply one after the other.
func (a *Agent) Refuse(r Refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults.refusals = append(a.faults.refusals, r)
}

// takeRefusal is the fault that applies to a call, counted.
func (a *Agent) takeRefusal(call executor.Call_Type) *Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.faults.refusals {
		r := &a.faults.refusals[i]
		if r.Calls > 0 && (r.Type == executor.Call_UNKNOWN || r.Type == call) {
			r.Calls--
			taken := *r
			return &taken
		}
	}
	return nil
}

// HoldAcknowledgements delays acknowledgements, or sends the delayed ones. A restart loses them.
func (a *Agent) HoldAcknowledgements(hold bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults.holdAcknowledgements = hold
	if hold {
		return
	}
	for _, e := range a.all() {
		e.stream.send(e.held...)
		e.held = nil
	}
}

// HoldLaunches keeps tasks queued although their executors have subscribed, or delivers the queued ones. With it a benchmark measures
// a launch without the start of the executor.
func (a *Agent) HoldLaunches(hold bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults.holdLaunches = hold
	if hold {
		return
	}
	for _, e := range a.all() {
		if e.state == subscribed {
			a.deliver(e)
		}
	}
}

// Subscribed counts the executors that are subscribed.
func (a *Agent) Subscribed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, e := range a.all() {
		if e.state == subscribed {
			n++
		}
	}
	return n
}

// LoseAcknowledgements drops the next n acknowledgements: the updates are stored, the executor is not told.
func (a *Agent) LoseAcknowledgements(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults.lostAcknowledgements = n
}

// DropStreams breaks the connection of every subscription, without the end that HTTP gives a response.
func (a *Agent) DropStreams() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.all() {
		e.stream.cut()
	}
}

// Send puts events of any type into an executor's stream: a repeated kill, a second LAUNCH, an unknown type. The agent's own state does
// not change; in particular it does not expect a task of such a LAUNCH.
func (a *Agent) Send(executorID string, events ...agent.Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, err := a.executor(executorID)
	if err != nil {
		return fmt.Errorf("send events: %w", err)
	}
	a.log.Debug("sending events as asked", append(e.fields(), zap.Int("events", len(events)))...)
	e.stream.send(events...)
	return nil
}
