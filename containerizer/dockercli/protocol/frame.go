package protocol

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"mesos-docker-containerizer/internal/transport"
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

// format is that of every version. The frames of a command that runs for long are small; its call comes once.
var format = transport.Format{
	Kinds: true,
	Limit: func(kind byte) int {
		if Kind(kind) == KindCall {
			return MaxCall
		}
		return MaxBody
	},
	Retain: MaxBody,
}

// Conn sends and receives frames. One goroutine may receive while others send.
type Conn struct {
	*transport.Conn
	file *os.File // came with the last frame and was not taken; of the receiving goroutine
}

// newConn takes over conn. The bytes ahead were read from it already.
func newConn(conn net.Conn, ahead []byte) *Conn {
	return &Conn{Conn: transport.New(conn, format, ahead)}
}

// Send writes one frame. It takes as long as the peer does. After an error nothing more can be sent.
func (c *Conn) Send(kind Kind, body []byte) error { return c.Conn.Send(byte(kind), body, nil) }

// SendJSON sends v as the body of a frame.
func (c *Conn) SendJSON(kind Kind, v any) error { return c.SendFile(kind, v, nil) }

// SendFile is SendJSON with a file. The peer gets a duplicate of it; the caller keeps its own.
func (c *Conn) SendFile(kind Kind, v any, file *os.File) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Conn.Send(byte(kind), body, file)
}

// SendAlive sends KindAlive, unless another frame is being sent.
func (c *Conn) SendAlive() error { return c.Conn.TrySend(byte(KindAlive), nil) }

// Receive returns the next frame. Its body is valid until the next call, which also closes a file that came with it and was not
// taken. It returns io.EOF when the peer closed between two frames. After any other error than that of a deadline between two
// frames nothing more can be received.
func (c *Conn) Receive() (Kind, []byte, error) {
	if file := c.File(); file != nil {
		file.Close()
	}
	frame, err := c.Conn.Receive()
	c.file = frame.File
	return Kind(frame.Kind), frame.Body, err
}

// File returns the file that came with the frame that was received last, which is then the caller's, or nil. It is called by the
// receiving goroutine.
func (c *Conn) File() *os.File {
	file := c.file
	c.file = nil
	return file
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
		return v, fmt.Errorf("%w: %w", transport.ErrFrame, err)
	}
	return v, nil
}

// Container is what the client of a run keeps of its container. The next daemon continues with it and does not parse the command line
// again, because the rules may have changed.
type Container struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	TTY bool `json:"tty,omitempty"`
	// Stdin, Stdout and Stderr say which streams are the client's. Input passes through the daemon, and ends with it.
	Stdin  bool `json:"stdin,omitempty"`
	Stdout bool `json:"stdout,omitempty"`
	Stderr bool `json:"stderr,omitempty"`

	SigProxy bool `json:"sig_proxy,omitempty"` // signals are the container's
	Remove   bool `json:"remove,omitempty"`    // at its end
	Detach   bool `json:"detach,omitempty"`    // its end is not waited for
}

// Again is the client's knowledge of a run that it repeats.
type Again struct {
	// Container is nil if the daemon was lost before it reported one. There may still be one.
	Container *Container `json:"container,omitempty"`
	// Output is nil if the client has had none of the container's streams.
	Output *OutputState `json:"output,omitempty"`
}

// OutputState is the state of the last stream that the client has got.
type OutputState struct {
	Open bool      `json:"open,omitempty"`
	End  OutputEnd `json:"end"` // unless Open
}

// Output comes with a connection to the Engine that carries the container's output, in the Engine's multiplexed format unless there is a
// terminal. The connection is the client's from then on.
type Output struct {
	TTY bool `json:"tty,omitempty"`
	// Stdout and Stderr say what of it is wanted.
	Stdout bool `json:"stdout,omitempty"`
	Stderr bool `json:"stderr,omitempty"`
}

// OutputEnd says when a stream ended.
type OutputEnd struct {
	Last  time.Time `json:"last"` // when something last came of this container's output; zero for never
	Ended time.Time `json:"ended"`
}
