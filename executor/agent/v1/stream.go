package v1

import (
	"bufio"
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
	_, oversized := errors.AsType[*oversizedError](err)
	switch {
	case oversized:
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

const (
	// maxRecord bounds one event. mesos-go's own reader stops at 4 MiB, less than the TaskInfo of a large app; a framework's
	// message to the master is bounded by far less than this.
	maxRecord = 64 << 20

	// maxLengthDigits is more than the decimal digits of maxRecord and of any length an agent sends.
	maxLengthDigits = 20
)

// errFraming says that the stream is not RecordIO. What follows in it cannot be understood.
var errFraming = errors.New("the agent's event stream is not RecordIO: expected a decimal length and a newline")

// oversizedError is the error for a record beyond the limit.
type oversizedError struct {
	limit int
}

func (e *oversizedError) Error() string {
	return fmt.Sprintf("the agent sent an event of more than %d MiB, the largest that is accepted", e.limit>>20)
}

// recordReader splits a stream into records (RecordIO, contract 5.1): the decimal length, a newline, that many bytes.
// It keeps no record once it is returned. It is a framing.Reader of mesos-go.
type recordReader struct {
	stream *bufio.Reader
	limit  int
	size   int // of the record returned last
}

func newRecordReader(stream io.Reader, limit int) *recordReader {
	// The buffer serves the lengths and small records; a larger record bypasses it.
	return &recordReader{stream: bufio.NewReaderSize(stream, 256), limit: limit}
}

// ReadFrame returns the next record that is not empty. The error is io.EOF where the stream ends between two records and
// io.ErrUnexpectedEOF where it ends within one. After an error the reader must not be used.
func (r *recordReader) ReadFrame() ([]byte, error) {
	for {
		n, err := r.length()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		r.size = n
		return r.record(n)
	}
}

func (r *recordReader) length() (int, error) {
	n := 0
	for digits := 0; ; digits++ {
		c, err := r.stream.ReadByte()
		switch {
		case err == io.EOF && digits > 0:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case c == '\n' && digits > 0:
			return n, nil
		case c < '0' || c > '9' || digits == maxLengthDigits:
			return 0, errFraming
		}
		// Before the multiplication, so that no length overflows.
		if n = n*10 + int(c-'0'); n > r.limit {
			return 0, &oversizedError{limit: r.limit}
		}
	}
}

func (r *recordReader) record(n int) ([]byte, error) {
	buf := make([]byte, 0, min(n, agent.FirstAllocation))
	for {
		got, err := io.ReadFull(r.stream, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+got]
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || len(buf) == n {
			return buf, err
		}
		grown := make([]byte, len(buf), min(n, 4*cap(buf)))
		copy(grown, buf)
		buf = grown
	}
}
