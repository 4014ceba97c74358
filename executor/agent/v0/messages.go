package v0

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
)

// form says how a message of the agent is decoded.
type form struct {
	event  func() *agent.Event // returns an empty event; nil for a message that is not for the executor
	fields map[int]put         // by number; other fields are skipped

	// required has the names of fields that must be present.
	required map[int]string
}

// put stores a field. It fails with errEmpty for an id without text.
type put func(r *received, value []byte) error

var errEmpty = errors.New("the id is empty")

// id stores the text of a message like FrameworkID.
func id(place func(r *received) *string) put {
	return func(r *received, value []byte) (err error) {
		to := place(r)
		if *to, err = text(value); err == nil && *to == "" {
			err = errEmpty
		}
		return err
	}
}

var (
	agentID     = id(func(r *received) *string { return &r.agentID })
	frameworkID = id(func(r *received) *string { return &r.frameworkID })
	executorID  = id(func(r *received) *string { return &r.executorID })
	killed      = id(func(r *received) *string { return &r.event.Kill.TaskID.Value })
	updated     = id(func(r *received) *string { return &r.event.Acknowledged.TaskID.Value })
)

func agentInfo(r *received, value []byte) error { return r.event.Subscribed.AgentInfo.Unmarshal(value) }

// messages are those that agents send to executors (contract 5.2). An ExecutorReregisteredMessage repeats neither the executor nor the
// framework, so its event is incomplete. A ShutdownExecutorMessage is empty from agents before 0.23.
var messages = map[string]form{
	executorRegistered: {
		event: func() *agent.Event {
			return &agent.Event{Type: executor.Event_SUBSCRIBED, Subscribed: new(executor.Event_Subscribed)}
		},
		fields: map[int]put{
			2: func(r *received, value []byte) error { return r.event.Subscribed.ExecutorInfo.Unmarshal(value) },
			3: frameworkID,
			4: func(r *received, value []byte) error { return r.event.Subscribed.FrameworkInfo.Unmarshal(value) },
			5: agentID,
			6: agentInfo,
		},
		required: map[int]string{2: "executor_info", 5: "slave_id"},
	},
	executorReregistered: {
		event: func() *agent.Event {
			return &agent.Event{Type: executor.Event_SUBSCRIBED, Subscribed: new(executor.Event_Subscribed)}
		},
		fields: map[int]put{1: agentID, 2: agentInfo},
	},
	reconnectExecutor: {fields: map[int]put{1: agentID}},
	runTask: {
		event: func() *agent.Event {
			return &agent.Event{Type: executor.Event_LAUNCH, Launch: new(executor.Event_Launch)}
		},
		fields: map[int]put{
			1: frameworkID,
			4: func(r *received, value []byte) error { return r.event.Launch.Task.Unmarshal(value) },
		},
		required: map[int]string{4: "task"},
	},
	killTask: {
		event: func() *agent.Event { return &agent.Event{Type: executor.Event_KILL, Kill: new(executor.Event_Kill)} },
		fields: map[int]put{
			1: frameworkID,
			2: killed,
			3: func(r *received, value []byte) error {
				r.event.Kill.KillPolicy = &mesos.KillPolicy{}
				return r.event.Kill.KillPolicy.Unmarshal(value)
			},
		},
		required: map[int]string{2: "task_id"},
	},
	statusAcknowledgement: {
		event: func() *agent.Event {
			return &agent.Event{Type: executor.Event_ACKNOWLEDGED, Acknowledged: new(executor.Event_Acknowledged)}
		},
		fields: map[int]put{
			1: agentID,
			2: frameworkID,
			3: updated,
			4: func(r *received, value []byte) error {
				if r.event.Acknowledged.UUID = bytes.Clone(value); len(value) == 0 {
					return errEmpty
				}
				return nil
			},
		},
		required: map[int]string{3: "task_id", 4: "uuid"},
	},
	shutdownExecutor: {
		event:  func() *agent.Event { return &agent.Event{Type: executor.Event_SHUTDOWN} },
		fields: map[int]put{1: executorID, 2: frameworkID},
	},
	frameworkToExecutor: {
		event: func() *agent.Event {
			return &agent.Event{Type: executor.Event_MESSAGE, Message: new(executor.Event_Message)}
		},
		fields: map[int]put{
			1: agentID,
			2: frameworkID,
			3: executorID,
			4: func(r *received, value []byte) error {
				r.event.Message.Data = bytes.Clone(value)
				return nil
			},
		},
	},
}

func (m form) decode(body []byte) (received, error) {
	var r received
	if m.event != nil {
		r.event = m.event()
	}
	seen := map[int]bool{}
	err := fields(body, func(number int, value []byte) error {
		store, wanted := m.fields[number]
		if !wanted {
			return nil
		}
		err := store(&r, value)
		seen[number] = err == nil
		if errors.Is(err, errEmpty) {
			return nil
		}
		return err
	})
	if err != nil {
		return received{}, err
	}
	for _, number := range slices.Sorted(maps.Keys(m.required)) {
		if !seen[number] {
			return received{}, fmt.Errorf("it has no %s", m.required[number])
		}
	}
	r.complete()
	return r, nil
}

// complete copies into a SUBSCRIBED event the ids that only its message has.
func (r *received) complete() {
	if r.event == nil || r.event.Subscribed == nil {
		return
	}
	s := r.event.Subscribed
	r.executorID = s.ExecutorInfo.ExecutorID.Value
	if s.FrameworkInfo.ID == nil && r.frameworkID != "" {
		s.FrameworkInfo.ID = &mesos.FrameworkID{Value: r.frameworkID}
	}
	if s.AgentInfo.ID == nil && r.agentID != "" {
		s.AgentInfo.ID = &mesos.AgentID{Value: r.agentID}
	}
}
