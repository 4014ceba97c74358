package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// watched are the actions an event stream reports: the changes of a container's life, and not the execs of its health checks.
var watched = []events.Action{
	events.ActionCreate, events.ActionStart, events.ActionOOM, events.ActionKill, events.ActionDie, events.ActionDestroy,
}

// eventBuffer is as large as the Engine's own for a subscriber, which drops events when it stays full for 100 ms.
const eventBuffer = 1024

// Event says that something happened to a container. It carries no result on purpose: inspect has it, and the Engine may drop
// events under load.
type Event struct {
	ID     string // of the container
	Name   string // of the container, without the slash
	Action string // "create", "start", "oom", "kill", "die" or "destroy"
	Signal string // of "kill", a number
	Time   time.Time
}

// EventStream is one open stream of events. It does not reconnect.
type EventStream struct {
	out    chan Event
	err    error // written before out is closed
	cancel context.CancelFunc
}

// Events opens a stream of the events of containers with a label ("key" or "key=value"), from a time on that may lie in the
// past (the zero time: from now on). When it returns the Engine has taken the subscription, so what changes from now on is
// either in the stream or seen by a list that follows. The stream ends when ctx does, with Close, or when it breaks; the
// caller must Close it in any case.
func (c *Client) Events(ctx context.Context, since time.Time, label string) (*EventStream, error) {
	const op = "watch events of containers with label"
	filter := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", label))
	for _, action := range watched {
		filter.Add("event", string(action))
	}
	options := events.ListOptions{Since: timestamp(since), Filters: filter}

	started := time.Now()
	var (
		messages <-chan events.Message
		ended    <-chan error
		x        *exchange
	)
	streaming, cancel := context.WithCancel(ctx) // outlives the opening
	err := c.call(ctx, op, label, streamOpenLimit, func(opening context.Context, api *client.Client) error {
		x = opening.Value(exchangeKey{}).(*exchange)
		stop := context.AfterFunc(opening, cancel)
		defer stop()
		// Returns with the header of the answer or with an error; only the exchange tells which, for the error may come later.
		messages, ended = api.Events(withExchange(streaming, x), options)
		if streamStatus(x.status) && opening.Err() == nil {
			return nil
		}
		err := <-ended
		if opening.Err() != nil {
			err = opening.Err()
		}
		return err
	})
	if err != nil {
		cancel()
		return nil, err
	}
	s := &EventStream{out: make(chan Event, eventBuffer), cancel: cancel}
	go func() {
		defer close(s.out)
		err := s.forward(streaming, messages, ended)
		s.err = c.failure(ctx, op, label, started, x, err)
	}()
	return s, nil
}

// forward passes events on until the stream ends and returns why.
func (s *EventStream) forward(ctx context.Context, messages <-chan events.Message, ended <-chan error) error {
	for {
		select {
		case m := <-messages:
			event := Event{
				ID:     m.Actor.ID,
				Name:   m.Actor.Attributes["name"],
				Action: string(m.Action),
				Signal: m.Actor.Attributes["signal"],
				Time:   time.Unix(0, m.TimeNano),
			}
			select {
			case s.out <- event:
			case <-ctx.Done(): // nobody reads, and nobody will
				return <-ended
			}
		case err := <-ended:
			return err
		}
	}
}

// Events yields the events in the Engine's order and is closed when the stream has ended; then Err says why.
func (s *EventStream) Events() <-chan Event { return s.out }

// Err says why the stream has ended, once Events is closed; it is never nil then. IsUnavailable holds for a stream that broke;
// after Close or the end of the caller's context it is context.Canceled or the context's own error.
func (s *EventStream) Err() error { return s.err }

// Close ends the stream and returns when nothing of it is left. Events that were not read are dropped. It may be called again.
func (s *EventStream) Close() {
	s.cancel()
	for range s.out {
	}
}
