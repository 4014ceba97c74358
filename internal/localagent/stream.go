package localagent

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

// stream is the response to one SUBSCRIBE. Events are queued under the agent's lock and written by the handler of the call, so a slow
// reader delays nothing else. A nil stream drops all events, like a broken connection.
type stream struct {
	codec encoding.Codec
	queue []agent.Event
	state streamState
	wake  chan struct{} // holds one token if something changed
}

type streamState int

const (
	flowing streamState = iota
	ending              // finish properly after the queue
	broken              // stop at once, without the end of the chunked body
)

func newStream(codec encoding.Codec) *stream {
	return &stream{codec: codec, wake: make(chan struct{}, 1)}
}

// send queues events. Events for a stream that has ended are lost.
func (s *stream) send(events ...agent.Event) {
	if s == nil || s.state != flowing {
		return
	}
	s.queue = append(s.queue, events...)
	s.notify()
}

// end lets the response finish after what is queued.
func (s *stream) end() { s.become(ending) }

// cut breaks the connection.
func (s *stream) cut() { s.become(broken) }

func (s *stream) become(state streamState) {
	if s != nil && s.state < state {
		s.state = state
		s.notify()
	}
}

func (s *stream) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take empties the queue and says in which state the stream is.
func (a *Agent) take(s *stream) ([]agent.Event, streamState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	events := s.queue
	s.queue = nil
	return events, s.state
}

// stream writes the response of a SUBSCRIBE until it is ended. It sends the headers before the first event; without a Content-Length
// the client knows that a stream follows.
func (a *Agent) stream(w http.ResponseWriter, r *http.Request, s *stream) {
	defer func() {
		a.mu.Lock()
		s.become(broken)
		a.mu.Unlock()
	}()
	heartbeats := time.NewTicker(a.options.HeartbeatInterval)
	defer heartbeats.Stop()

	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", s.codec.Type.ContentType())
	w.WriteHeader(http.StatusOK)
	if err := control.Flush(); err != nil {
		return
	}
	for {
		events, state := a.take(s)
		if state == broken {
			panic(http.ErrAbortHandler)
		}
		for _, event := range events {
			record, err := encode(s.codec, &event)
			if err != nil {
				a.log.Error("event cannot be encoded", zap.Stringer("event", event.Type), zap.Error(err))
				continue
			}
			if _, err := w.Write(record); err != nil {
				return
			}
			if err := control.Flush(); err != nil {
				return
			}
		}
		if state == ending {
			return
		}
		select {
		case <-s.wake:
		case <-heartbeats.C:
			a.mu.Lock()
			s.send(agent.Event{Type: executor.Event_HEARTBEAT})
			a.mu.Unlock()
		case <-r.Context().Done():
			return
		}
	}
}

// encode makes one RecordIO record, in one piece so that it travels as one chunk.
func encode(codec encoding.Codec, event *agent.Event) ([]byte, error) {
	var message bytes.Buffer
	if err := codec.NewEncoder(encoding.SinkWriter(&message)).Encode(event); err != nil {
		return nil, err
	}
	content := message.Bytes()
	if codec.Type == codecs.MediaTypeJSON {
		var err error
		if content, err = withoutNulls(content); err != nil {
			return nil, err
		}
	}
	var record bytes.Buffer
	err := recordio.NewWriter(&record).WriteFrame(content)
	return record.Bytes(), err
}

// withoutNulls removes fields that are null. The generated encoder writes empty lists as null; an agent omits them, and some executors
// do not expect them.
func withoutNulls(document []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	dropNulls(value)
	return json.Marshal(value)
}

func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if inner == nil {
				delete(v, key)
			} else {
				dropNulls(inner)
			}
		}
	case []any:
		for _, inner := range v {
			dropNulls(inner)
		}
	}
}
