package v0

import (
	"errors"
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/agent"
)

// Names of the messages, contract 5.2.
const (
	registerExecutor      = "RegisterExecutorMessage"
	reregisterExecutor    = "ReregisterExecutorMessage"
	statusUpdate          = "StatusUpdateMessage"
	executorRegistered    = "ExecutorRegisteredMessage"
	executorReregistered  = "ExecutorReregisteredMessage"
	reconnectExecutor     = "ReconnectExecutorMessage"
	runTask               = "RunTaskMessage"
	killTask              = "KillTaskMessage"
	statusAcknowledgement = "StatusUpdateAcknowledgementMessage"
	shutdownExecutor      = "ShutdownExecutorMessage"
	frameworkToExecutor   = "FrameworkToExecutorMessage"
	messagePrefix         = "mesos.internal."
)

// received is a decoded message of the agent: an event, and the fields that the connection itself needs.
type received struct {
	event       *agent.Event // nil for a message that is not for the executor
	agentID     string       // the agent's id, if the message has it
	frameworkID string       // of the recipient, if the message has it
	executorID  string
}

// errUnknownMessage is the error for a message that is never sent to executors.
var errUnknownMessage = errors.New("no message for an executor")

// decode decodes a message. Embedded messages have the same field numbers in mesos and mesos.v1 (contract 5.0), so it decodes them as
// mesos.v1. The event shares no memory with body.
func decode(name string, body []byte) (r received, err error) {
	defer func() {
		// The generated decoders check lengths incompletely (CVE-2021-3121): they can index out of range.
		if cause := recover(); cause != nil {
			r, err = received{}, fmt.Errorf("decode %s: %v", name, cause)
		}
	}()
	m, known := messages[name]
	if !known {
		return received{}, fmt.Errorf("%.100q: %w", name, errUnknownMessage)
	}
	if r, err = m.decode(body); err != nil {
		return received{}, fmt.Errorf("decode %s: %w", name, err)
	}
	return r, nil
}

// identity is the sender of our messages, as the agent knows it.
type identity struct {
	framework, executor string
	agent               string // the agent of the executor; it drops updates that name another
}

func (i identity) register() []byte {
	var e encoder
	e.id(1, i.framework)
	e.id(2, i.executor)
	return e.buf
}

// reregister returns a ReregisterExecutorMessage. It leaves out what cannot be encoded; the error says what that is.
func (i identity) reregister(tasks []mesos.TaskInfo, updates []mesos.TaskStatus) (body []byte, err error) {
	var e encoder
	e.id(1, i.executor)
	e.id(2, i.framework)
	for n := range tasks {
		task, failure := tasks[n].Marshal()
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("encode task %s: %w", tasks[n].TaskID.Value, failure))
			continue
		}
		e.bytes(3, task)
	}
	for n := range updates {
		update, failure := i.update(updates[n])
		if failure != nil {
			err = errors.Join(err, failure)
			continue
		}
		e.bytes(4, update)
	}
	return e.buf, err
}

// statusUpdate returns a StatusUpdateMessage. It has our own address: without it the agent would take the update for its own and
// never acknowledge it.
func (i identity) statusUpdate(status mesos.TaskStatus, self upid) ([]byte, error) {
	update, err := i.update(status)
	if err != nil {
		return nil, err
	}
	var e encoder
	e.bytes(1, update)
	e.bytes(2, []byte(self.String()))
	return e.buf, nil
}

// update returns a StatusUpdate. Its ids, uuid and timestamp are those of the status, which it must agree with.
func (i identity) update(status mesos.TaskStatus) ([]byte, error) {
	status.AgentID = &mesos.AgentID{Value: i.agent}
	if status.Timestamp == nil {
		now := float64(time.Now().UnixNano()) / 1e9
		status.Timestamp = &now
	}
	encoded, err := status.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode update %s of task %s: %w", status.GetState(), status.TaskID.Value, err)
	}
	var e encoder
	e.id(1, i.framework)
	e.id(2, i.executor)
	e.id(3, i.agent)
	e.bytes(4, encoded)
	e.double(5, *status.Timestamp)
	e.bytes(6, status.UUID)
	return e.buf, nil
}
