// Package capture holds a recorded session between a real Mesos agent and a v1 executor, decoded. It is test support: the
// stand-in for the agent is measured against it, and the executor can be.
//
//	session, err := capture.AgentRestart()
//	for _, step := range session.Steps() { … }
//
// A recording has one row per TCP segment or connection event. Segments carry HTTP, and the stream of a subscription carries
// events as RecordIO in chunks (contract 5.1).
package capture

import (
	"bufio"
	"bytes"
	_ "embed" // for the recording
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
)

//go:embed testdata/v1-agent-restart.json
var agentRestart []byte

// AgentRestart is a JSON executor's session with an agent 1.12-dev: subscribe, launch, run; the agent is killed and started
// again, the executor subscribes again; kill, terminal update, shutdown.
func AgentRestart() (*Session, error) { return Parse(bytes.NewReader(agentRestart)) }

// Session is a decoded recording.
type Session struct {
	What        string
	AgentPort   int
	Connections []Connection // as they were opened
}

// Connection is one TCP connection to the agent.
type Connection struct {
	Number    int
	Opened    time.Duration // since the recording began, as all times
	Refused   bool          // the agent reset it and said nothing
	Closed    time.Duration // by the side that was first; 0 if it outlived the recording
	ByAgent   bool          // the agent was first
	Exchanges []Exchange
}

// Exchange is one call and what the agent answered.
type Exchange struct {
	Sent    time.Duration
	Request Request
	Call    executor.Call

	Answered time.Duration
	Code     int
	Header   http.Header
	Events   []Event // of a subscription
}

// Request is a call as it travelled.
type Request struct {
	Method string
	Path   string
	Header http.Header
	Body   []byte
}

// Event is one event of a stream, as it travelled and decoded.
type Event struct {
	Time  time.Duration
	Raw   []byte
	Event executor.Event
}

// row is one entry of a recording.
type row struct {
	Seconds    float64 `json:"seconds"`
	Connection int     `json:"connection"`
	FromPort   int     `json:"from_port"`
	ToPort     int     `json:"to_port"`
	Event      string  `json:"event"`
	Data       []byte  `json:"base64"`

	index int
}

// time also tells apart the rows of one millisecond, which are in order: each is a nanosecond later.
func (r row) time() time.Duration {
	return time.Duration(r.Seconds*float64(time.Second)) + time.Duration(r.index)
}

// Parse decodes a recording.
func Parse(r io.Reader) (*Session, error) {
	var recording struct {
		What      string `json:"what"`
		AgentPort int    `json:"agent_port"`
		Rows      []row  `json:"rows"`
	}
	if err := json.NewDecoder(r).Decode(&recording); err != nil {
		return nil, fmt.Errorf("decode recording: %w", err)
	}
	session := &Session{What: recording.What, AgentPort: recording.AgentPort}
	var order []int
	rows := make(map[int][]row)
	for i, r := range recording.Rows {
		r.index = i
		if rows[r.Connection] == nil {
			order = append(order, r.Connection)
		}
		rows[r.Connection] = append(rows[r.Connection], r)
	}
	for _, number := range order {
		connection, err := parseConnection(rows[number], recording.AgentPort)
		if err != nil {
			return nil, fmt.Errorf("decode connection %d of the recording: %w", number, err)
		}
		session.Connections = append(session.Connections, connection)
	}
	return session, nil
}

// parseConnection follows the two directions of one connection. Requests are decoded first, since a response can only be read
// by who knows what it answers.
func parseConnection(rows []row, agentPort int) (Connection, error) {
	c := Connection{Number: rows[0].Connection, Opened: rows[0].time()}
	var sent, answered direction
	for _, r := range rows {
		byAgent := r.FromPort == agentPort
		switch r.Event {
		case "connect":
		case "data":
			if byAgent {
				answered.add(r)
			} else {
				sent.add(r)
			}
		case "close", "reset":
			if c.Closed == 0 {
				c.Closed, c.ByAgent = r.time(), byAgent
			}
			c.Refused = c.Refused || r.Event == "reset" && byAgent && len(sent.data) == 0
		default:
			return c, fmt.Errorf("unknown event %q", r.Event)
		}
	}
	if err := c.readRequests(sent); err != nil {
		return c, err
	}
	return c, c.readResponses(answered)
}

// direction is what one side sent, with the time of each byte.
type direction struct {
	data  []byte
	ends  []int // offsets behind each segment
	times []time.Duration
}

func (d *direction) add(r row) {
	d.data = append(d.data, r.Data...)
	d.ends = append(d.ends, len(d.data))
	d.times = append(d.times, r.time())
}

// when is the time at which the first n bytes had all been seen.
func (d *direction) when(n int) time.Duration {
	for i, end := range d.ends {
		if n <= end {
			return d.times[i]
		}
	}
	return 0
}

func (c *Connection) readRequests(sent direction) error {
	source := bytes.NewReader(sent.data)
	reader := bufio.NewReader(source)
	for {
		request, err := http.ReadRequest(reader)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("request: %w", err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return fmt.Errorf("body of request: %w", err)
		}
		exchange := Exchange{
			Sent:    sent.when(len(sent.data) - source.Len() - reader.Buffered()),
			Request: Request{Method: request.Method, Path: request.URL.Path, Header: request.Header, Body: body},
		}
		if err := json.Unmarshal(body, &exchange.Call); err != nil {
			return fmt.Errorf("call: %w", err)
		}
		c.Exchanges = append(c.Exchanges, exchange)
	}
}

func (c *Connection) readResponses(answered direction) error {
	source := bytes.NewReader(answered.data)
	reader := bufio.NewReader(source)
	position := func() time.Duration { return answered.when(len(answered.data) - source.Len() - reader.Buffered()) }
	for i := range c.Exchanges {
		e := &c.Exchanges[i]
		response, err := http.ReadResponse(reader, &http.Request{Method: e.Request.Method})
		if err != nil {
			return fmt.Errorf("response %d: %w", i, err)
		}
		e.Code, e.Header, e.Answered = response.StatusCode, response.Header, position()
		if len(response.TransferEncoding) == 0 {
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				return fmt.Errorf("body of response %d: %w", i, err)
			}
			continue
		}
		return e.readEvents(response.Body, answered)
	}
	return nil
}

// readEvents decodes a stream. The recording may end in the middle of it, and the time of an event is that of the segment
// which completed it: the one whose bytes hold the record's.
func (e *Exchange) readEvents(body io.Reader, answered direction) error {
	records := recordio.NewReader(body)
	searched := 0
	for {
		raw, err := records.ReadFrame()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", len(e.Events), err)
		}
		event := Event{Raw: slices.Clone(raw)}
		if at := bytes.Index(answered.data[searched:], raw); at >= 0 {
			searched += at + len(raw)
			event.Time = answered.when(searched)
		}
		if err := json.Unmarshal(raw, &event.Event); err != nil {
			return fmt.Errorf("event %d: %w", len(e.Events), err)
		}
		e.Events = append(e.Events, event)
	}
}
