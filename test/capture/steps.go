package capture

import (
	"cmp"
	"slices"
	"time"
)

// Kind says what happened in a step.
type Kind string

// The kinds of steps.
const (
	Refused    Kind = "refused"     // a connection was refused: the agent was down
	Call       Kind = "call"        // a call was sent
	Answer     Kind = "answer"      // the status of the answer to it came
	StreamSent Kind = "event"       // the agent sent an event
	AgentGone  Kind = "agent gone"  // the agent closed the connection of a subscription
	ClientGone Kind = "client gone" // the executor closed it
)

// Step is one thing that happened between executor and agent.
type Step struct {
	Time       time.Duration
	Kind       Kind
	Connection int       // its number
	Exchange   *Exchange // of a call, an answer, an event
	Event      *Event    // of an event
}

// Steps tells the whole session in order.
func (s *Session) Steps() []Step {
	var steps []Step
	for i := range s.Connections {
		c := &s.Connections[i]
		if c.Refused {
			steps = append(steps, Step{Time: c.Opened, Kind: Refused, Connection: c.Number})
			continue
		}
		stream := false
		for j := range c.Exchanges {
			e := &c.Exchanges[j]
			steps = append(steps,
				Step{Time: e.Sent, Kind: Call, Connection: c.Number, Exchange: e},
				Step{Time: e.Answered, Kind: Answer, Connection: c.Number, Exchange: e})
			for k := range e.Events {
				steps = append(steps, Step{
					Time: e.Events[k].Time, Kind: StreamSent, Connection: c.Number, Exchange: e, Event: &e.Events[k],
				})
			}
			stream = stream || len(e.Events) > 0
		}
		if stream && c.Closed > 0 {
			kind := ClientGone
			if c.ByAgent {
				kind = AgentGone
			}
			steps = append(steps, Step{Time: c.Closed, Kind: kind, Connection: c.Number})
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.Time, b.Time) })
	return steps
}
