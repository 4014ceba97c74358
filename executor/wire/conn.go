package wire

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"reflect"
	"time"

	"mesos-docker-containerizer/internal/transport"
)

// MaxFrame bounds a frame's body in bytes. The largest message carries a TaskInfo, which the master bounds at a few megabytes,
// in base64.
const MaxFrame = 32 << 20

// format is that of every version.
var format = transport.Format{
	Limit: func(byte) int { return MaxFrame },
	// A task's own definition passes once and must not stay in memory for its life.
	Retain: 16 << 10,
	// The peer reads all the time, so a socket that stays full for this long means a stopped process. The executor dials again
	// when that goes on.
	SendTimeout: 10 * time.Second,
}

// Conn sends and receives messages. One goroutine may receive while others send.
type Conn struct {
	*transport.Conn
}

// NewConn takes over unix: closing the Conn closes it.
func NewConn(unix *net.UnixConn) *Conn {
	return &Conn{transport.New(unix, format, nil)}
}

// Send writes one message and, when file is not nil, passes a duplicate of it; the caller keeps its own. After an error, other
// than transport.ErrFrameTooLarge, nothing more can be sent.
func (c *Conn) Send(m Message, file *os.File) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	return c.Conn.Send(0, body, file)
}

// Receive returns the next message and the file that came with an Output, which the caller owns, or nil. Files that come with
// any other message are closed. It returns io.EOF when the peer closed between two frames. After any other error nothing more
// can be received.
func (c *Conn) Receive() (Message, *os.File, error) {
	frame, err := c.Conn.Receive()
	defer c.Conn.Release()
	if err != nil {
		return Message{}, nil, err
	}
	m, err := decode(frame.Body)
	if frame.File != nil && m.Output == nil {
		frame.File.Close()
		frame.File = nil
	}
	return m, frame.File, err
}

func decode(body []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return Message{}, fmt.Errorf("%w: %w", transport.ErrFrame, err)
	}
	if m.kinds() > 1 {
		return Message{}, fmt.Errorf("%w: more than one message in it", transport.ErrFrame)
	}
	return m, nil
}

// kinds counts the fields that are set.
func (m *Message) kinds() int {
	n := 0
	for fields, i := reflect.ValueOf(m).Elem(), 0; i < fields.NumField(); i++ {
		if !fields.Field(i).IsNil() {
			n++
		}
	}
	return n
}
