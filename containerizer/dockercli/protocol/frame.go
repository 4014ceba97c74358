package protocol

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Kind says what a frame's body is.
type Kind byte

// Kinds of frames. Their numbers are the protocol's and stay.
const (
	KindCall      Kind = 1  // the client's first: Call, in JSON
	KindStdin     Kind = 2  // the client's answer to KindReadStdin: bytes, at least one
	KindStdinEnd  Kind = 3  // the client's other answer to it: there is no more; empty
	KindSignal    Kind = 4  // from the client: Signal, in JSON
	KindSize      Kind = 5  // from the client: Size, in JSON
	KindStdout    Kind = 6  // from the daemon: bytes
	KindStderr    Kind = 7  // from the daemon: bytes
	KindReadStdin Kind = 8  // from the daemon, which sends no second one before the first is answered; empty
	KindRaw       Kind = 9  // from the daemon: the client's terminal is to be put into raw mode; empty
	KindAlive     Kind = 10 // from the daemon, each AliveInterval: the command is being carried out; empty
	KindExit      Kind = 11 // the daemon's last: Exit, in JSON

	// Of a run alone:
	KindContainer   Kind = 12 // from the daemon, as soon as there is one: Container, in JSON
	KindOutput      Kind = 13 // from the daemon, with a file: Output, in JSON
	KindOutputEnd   Kind = 14 // from the client, one for each KindOutput: OutputEnd, in JSON
	KindSignalTaken Kind = 15 // from the daemon, which has done with a KindSignal: Signal, in JSON
)

// AliveInterval is the time between two signs of life of the daemon.
const AliveInterval = 2 * time.Second

// Limits of a frame's body in bytes.
const (
	// MaxCall holds the longest command line that Linux starts a process with, 6 MiB, in base64.
	MaxCall = 9 << 20
	// MaxBody is that of every other kind.
	MaxBody = 64 << 10
	// MaxData is how much of a stream is put into one frame.
	MaxData = 32 << 10
)

// Errors of a Conn. Any other is the socket's.
var (
	ErrFrame         = errors.New("docker protocol: malformed frame")
	ErrFrameTooLarge = errors.New("docker protocol: frame is too large")
)

// Call is a docker command. Arguments and Home are bytes, not text: JSON would alter what is not UTF-8.
type Call struct {
	Arguments [][]byte `json:"arguments"` // may hold secrets
	Home      []byte   `json:"home,omitempty"`

	// Terminal says which of the client's streams are terminals.
	StdinTerminal  bool `json:"stdin_terminal,omitempty"`
	StdoutTerminal bool `json:"stdout_terminal,omitempty"`
	// Size is the terminal's, nil without one.
	Size *Size `json:"size,omitempty"`

	// ID is the call's own, which the client has made up at random: the same when it asks again.
	ID string `json:"id,omitempty"`
	// Again is set when a run is asked for again because the daemon went away.
	Again *Again `json:"again,omitempty"`
}

// Signal is one that the client got, by its number on this host.
type Signal struct {
	Number int `json:"number"`
}

// Size is that of a terminal, in characters.
type Size struct {
	Height uint `json:"height"`
	Width  uint `json:"width"`
}

// Exit ends a command.
type Exit struct {
	Status int `json:"status"`
}

// Conn sends and receives frames. One goroutine may receive while others send.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader // of the receiving goroutine
	buffer []byte        // of the receiving goroutine
	files  *receiver     // nil on the daemon's side, which is sent none

	sendMu sync.Mutex // held for the length of a frame
}

// newConn takes over conn, of which the reader may hold a part already.
func newConn(conn net.Conn, reader *bufio.Reader) *Conn {
	return &Conn{conn: conn, reader: reader}
}

// Close ends the conversation, and with it whatever is being sent or received. Files that were not taken are closed.
func (c *Conn) Close() error {
	if c.files != nil {
		c.files.close()
	}
	return c.conn.Close()
}

// SetDeadline bounds what is sent and received, as net.Conn does.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline bounds a Receive, as net.Conn does.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// Send writes one frame. It takes as long as the peer does. After an error the Conn is of no more use for sending.
func (c *Conn) Send(kind Kind, body []byte) error {
	if len(body) > limit(kind) {
		return fmt.Errorf("%w: %d bytes", ErrFrameTooLarge, len(body))
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	return c.send(kind, body)
}

// SendJSON sends v as the body of a frame.
func (c *Conn) SendJSON(kind Kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("docker protocol: %w", err)
	}
	return c.Send(kind, body)
}

// SendAlive tells the client that its command is being carried out, unless it is being told something else just now.
func (c *Conn) SendAlive() error {
	if !c.sendMu.TryLock() {
		return nil
	}
	defer c.sendMu.Unlock()
	return c.send(KindAlive, nil)
}

// send is called with sendMu held.
func (c *Conn) send(kind Kind, body []byte) error {
	var header [headerSize]byte
	header[0] = byte(kind)
	binary.BigEndian.PutUint32(header[1:], uint32(len(body)))
	_, err := (&net.Buffers{header[:], body}).WriteTo(c.conn)
	return err
}

// headerSize is a frame's kind and length.
const headerSize = 1 + 4

// limit is the longest body of a kind.
func limit(kind Kind) int {
	if kind == KindCall {
		return MaxCall
	}
	return MaxBody
}

// Receive returns the next frame. Its body is valid until the next call. It returns io.EOF when the peer closed between two
// frames. After any other error than that of a deadline between two frames the Conn is of no more use for receiving.
func (c *Conn) Receive() (Kind, []byte, error) {
	if _, err := c.reader.Peek(1); err != nil {
		return 0, nil, err
	}
	var header [headerSize]byte
	if _, err := io.ReadFull(c.reader, header[:]); err != nil {
		return 0, nil, err
	}
	kind, size := Kind(header[0]), binary.BigEndian.Uint32(header[1:])
	if uint64(size) > uint64(limit(kind)) {
		return 0, nil, fmt.Errorf("%w: %d bytes of kind %d", ErrFrameTooLarge, size, kind)
	}
	body, err := c.body(int(size))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return kind, body, err
}

// body reads size bytes. Memory grows with what really arrives, so that a header alone cannot demand much of it.
func (c *Conn) body(size int) ([]byte, error) {
	filled := 0
	for filled < size {
		n := min(size-filled, MaxBody)
		if len(c.buffer) < filled+n {
			grown := make([]byte, max(filled+n, 2*filled))
			copy(grown, c.buffer[:filled])
			c.buffer = grown
		}
		if _, err := io.ReadFull(c.reader, c.buffer[filled:filled+n]); err != nil {
			return nil, err
		}
		filled += n
	}
	body := c.buffer[:filled]
	if len(c.buffer) > MaxBody {
		c.buffer = nil // a call comes once, and its command may run for long
	}
	return body, nil
}

// Writer returns a writer of a stream's bytes: one of KindStdout, KindStderr.
func (c *Conn) Writer(kind Kind) io.Writer { return writer{c, kind} }

type writer struct {
	c    *Conn
	kind Kind
}

func (w writer) Write(p []byte) (int, error) {
	for written := 0; ; {
		n := min(len(p)-written, MaxData)
		if n == 0 {
			return written, nil
		}
		if err := w.c.Send(w.kind, p[written:written+n]); err != nil {
			return written, err
		}
		written += n
	}
}

// Decode reads a body in JSON.
func Decode[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return v, nil
}
