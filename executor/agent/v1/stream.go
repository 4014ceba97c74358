package v1

import (
	"errors"
	"fmt"
	"io"

	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"

	"mesos-docker-containerizer/executor/agent"
)

// eventStream is the answer to SUBSCRIBE.
type eventStream struct {
	*httpcli.Response
}

// next blocks for the next event. An event of a type that this protocol version does not know has its number as Type. An event too large to be read is a *fatalError: the agent considers it delivered, so
// that neither going on nor subscribing again would bring what it said.
func (s *eventStream) next() (event *agent.Event, err error) {
	defer func() {
		// The generated decoder checks lengths incompletely (CVE-2021-3121): it can index out of range.
		if cause := recover(); cause != nil {
			event, err = nil, fmt.Errorf("the agent sent an event that cannot be decoded: %v", cause)
		}
	}()
	event = new(agent.Event)
	err = s.Decode(event)
	var oversized *oversizedError
	switch {
	case errors.As(err, &oversized):
		return nil, &fatalError{err}
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("the agent ended the event stream: %w", err)
	case err != nil:
		return nil, fmt.Errorf("read the agent's event stream: %w", err)
	case !complete(event):
		return nil, fmt.Errorf("the agent sent a %s event without its content", event.Type)
	}
	return event, nil
}

// complete reports whether an event has the message of its type, which every handler relies on.
func complete(event *agent.Event) bool {
	switch event.Type {
	case executor.Event_SUBSCRIBED:
		return event.Subscribed != nil
	case executor.Event_LAUNCH:
		return event.Launch != nil
	case executor.Event_LAUNCH_GROUP:
		return event.LaunchGroup != nil
	case executor.Event_KILL:
		return event.Kill != nil
	case executor.Event_ACKNOWLEDGED:
		return event.Acknowledged != nil
	case executor.Event_MESSAGE:
		return event.Message != nil
	case executor.Event_ERROR:
		return event.Error != nil
	}
	return true
}

// wanted tells whether an event is the executor's business: unknown types must be ignored, a HEARTBEAT only keeps the
// connection in use (contract 5.1).
func wanted(event *agent.Event) bool {
	_, known := executor.Event_Type_name[int32(event.Type)]
	return known && event.Type != executor.Event_UNKNOWN && event.Type != executor.Event_HEARTBEAT
}
