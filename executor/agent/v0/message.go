package v0

import (
	"errors"
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
)

// Names of the messages, contract section 5.2.
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

// received is a decoded message of the agent: an event, and what the connection itself needs of it.
type received struct {
	event       *agent.Event // nil where the executor has no business with it
	agentID     string       // the agent's id, where the message says it
	frameworkID string       // whom the message is for, where it says so
	executorID  string
}

// errUnknownMessage is the error for a message that executors do not get.
var errUnknownMessage = errors.New("no message for an executor")

// decode turns a message into what it says. Embedded messages have the same numbers in mesos and mesos.v1 (contract section
// 5.0), so they are decoded as the latter. The event shares no memory with body.
func decode(name string, body []byte) (r received, err error) {
	defer func() {
		// The generated decoders check lengths incompletely (CVE-2021-3121): they can index out of range.
		if cause := recover(); cause != nil {
			r, err = received{}, fmt.Errorf("decode %s: %v", name, cause)
		}
	}()
	decoder, known := decoders[name]
	if !known {
		return received{}, fmt.Errorf("%.100q: %w", name, errUnknownMessage)
	}
	if r, err = decoder(body); err != nil {
		return received{}, fmt.Errorf("decode %s: %w", name, err)
	}
	return r, nil
}

var decoders = map[string]func([]byte) (received, error){
	executorRegistered:    decodeRegistered,
	executorReregistered:  decodeReregistered,
	reconnectExecutor:     decodeReconnect,
	runTask:               decodeRunTask,
	killTask:              decodeKillTask,
	statusAcknowledgement: decodeAcknowledgement,
	shutdownExecutor:      decodeShutdown,
	frameworkToExecutor:   decodeFrameworkMessage,
}

// required is the error for a message without a field that it must have.
func required(field string) error { return fmt.Errorf("it has no %s", field) }

func decodeRegistered(body []byte) (received, error) {
	s := &executor.Event_Subscribed{}
	r := received{event: &agent.Event{Type: executor.Event_SUBSCRIBED, Subscribed: s}}
	var executorSeen bool
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 2:
			executorSeen = true
			return s.ExecutorInfo.Unmarshal(value)
		case 3:
			r.frameworkID, err = text(value)
		case 4:
			return s.FrameworkInfo.Unmarshal(value)
		case 5:
			r.agentID, err = text(value)
		case 6:
			return s.AgentInfo.Unmarshal(value)
		}
		return err
	})
	switch {
	case err != nil:
		return received{}, err
	case !executorSeen:
		return received{}, required("executor_info")
	case r.agentID == "":
		return received{}, required("slave_id")
	}
	r.executorID = s.ExecutorInfo.ExecutorID.Value
	if s.FrameworkInfo.ID == nil && r.frameworkID != "" {
		s.FrameworkInfo.ID = &mesos.FrameworkID{Value: r.frameworkID}
	}
	if s.AgentInfo.ID == nil {
		s.AgentInfo.ID = &mesos.AgentID{Value: r.agentID}
	}
	return r, nil
}

// decodeReregistered leaves the event incomplete: the message repeats neither the executor nor the framework.
func decodeReregistered(body []byte) (received, error) {
	s := &executor.Event_Subscribed{}
	r := received{event: &agent.Event{Type: executor.Event_SUBSCRIBED, Subscribed: s}}
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 1:
			r.agentID, err = text(value)
		case 2:
			return s.AgentInfo.Unmarshal(value)
		}
		return err
	})
	if err != nil {
		return received{}, err
	}
	if s.AgentInfo.ID == nil && r.agentID != "" {
		s.AgentInfo.ID = &mesos.AgentID{Value: r.agentID}
	}
	return r, nil
}

func decodeReconnect(body []byte) (r received, err error) {
	err = fields(body, func(number int, value []byte) (err error) {
		if number == 1 {
			r.agentID, err = text(value)
		}
		return err
	})
	return r, err
}

func decodeRunTask(body []byte) (received, error) {
	launch := &executor.Event_Launch{}
	r := received{event: &agent.Event{Type: executor.Event_LAUNCH, Launch: launch}}
	var taskSeen bool
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 1:
			r.frameworkID, err = text(value)
		case 4:
			taskSeen = true
			return launch.Task.Unmarshal(value)
		}
		return err
	})
	if err == nil && !taskSeen {
		err = required("task")
	}
	return r, err
}

func decodeKillTask(body []byte) (received, error) {
	kill := &executor.Event_Kill{}
	r := received{event: &agent.Event{Type: executor.Event_KILL, Kill: kill}}
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 1:
			r.frameworkID, err = text(value)
		case 2:
			kill.TaskID.Value, err = text(value)
		case 3:
			kill.KillPolicy = &mesos.KillPolicy{}
			return kill.KillPolicy.Unmarshal(value)
		}
		return err
	})
	if err == nil && kill.TaskID.Value == "" {
		err = required("task_id")
	}
	return r, err
}

func decodeAcknowledgement(body []byte) (received, error) {
	ack := &executor.Event_Acknowledged{}
	r := received{event: &agent.Event{Type: executor.Event_ACKNOWLEDGED, Acknowledged: ack}}
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 1:
			r.agentID, err = text(value)
		case 2:
			r.frameworkID, err = text(value)
		case 3:
			ack.TaskID.Value, err = text(value)
		case 4:
			ack.UUID = append([]byte(nil), value...)
		}
		return err
	})
	if err == nil && (ack.TaskID.Value == "" || len(ack.UUID) == 0) {
		err = required("task_id or uuid")
	}
	return r, err
}

// decodeShutdown takes an empty message as well: agents before 0.23 send no other (contract section 5.2).
func decodeShutdown(body []byte) (received, error) {
	r := received{event: &agent.Event{Type: executor.Event_SHUTDOWN}}
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 1:
			r.executorID, err = text(value)
		case 2:
			r.frameworkID, err = text(value)
		}
		return err
	})
	return r, err
}

func decodeFrameworkMessage(body []byte) (received, error) {
	message := &executor.Event_Message{}
	r := received{event: &agent.Event{Type: executor.Event_MESSAGE, Message: message}}
	err := fields(body, func(number int, value []byte) (err error) {
		switch number {
		case 1:
			r.agentID, err = text(value)
		case 2:
			r.frameworkID, err = text(value)
		case 3:
			r.executorID, err = text(value)
		case 4:
			message.Data = append([]byte(nil), value...)
		}
		return err
	})
	return r, err
}

// identity is whom our messages are from, as the agent knows us.
type identity struct {
	framework, executor string
	agent               string // whose executor we are; an update that names another is dropped
}

func (i identity) register() []byte {
	var e encoder
	e.id(1, i.framework)
	e.id(2, i.executor)
	return e.buf
}

// reregister returns a ReregisterExecutorMessage. What cannot be encoded is left out of it and part of the error.
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

// statusUpdate returns a StatusUpdateMessage. Without our own address in it the agent would take the update for one of its own
// and never acknowledge it.
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
