package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Errors of a Conn. Any other is the socket's.
var (
	ErrFrame         = errors.New("malformed frame")
	ErrFrameTooLarge = errors.New("frame is too large")
)

// errNoSocket says that a connection is not a Unix socket, which alone can pass descriptors.
var errNoSocket = errors.New("only a Unix socket passes files")

// Format describes the frames of a protocol. It is part of what goes over the wire and must not change.
type Format struct {
	// Kinds says that each frame begins with a byte that names the kind of its body. Without it the kind is 0.
	Kinds bool

	// Limit returns the longest body of a kind, in bytes.
	Limit func(kind byte) int

	// Retain is the largest receive buffer kept between two frames, in bytes.
	Retain int

	// SendTimeout bounds one Send. Zero leaves that to SetDeadline.
	SendTimeout time.Duration
}

// Frame is a frame that was received.
type Frame struct {
	Kind byte
	Body []byte   // valid until the next Receive
	File *os.File // passed with the frame and owned by the caller, or nil
}

// Conn sends and receives frames. One goroutine may receive while others send.
type Conn struct {
	conn   net.Conn
	unix   *net.UnixConn // conn, or nil if it is no Unix socket
	format Format

	sendMu sync.Mutex // held for the length of a frame

	// Of the receiving goroutine.
	ahead  []byte // read from conn before the Conn was made
	buffer []byte
	file   *os.File // passed with the frame that is being read, nil for none
	limit  int      // set by Restrict, with budget
	budget *Budget  // nil for none
	held   int      // bytes taken from it
}

// New takes over conn: closing the Conn closes it. Ahead is what was read from conn already; it comes before the rest.
func New(conn net.Conn, format Format, ahead []byte) *Conn {
	unix, _ := conn.(*net.UnixConn)
	return &Conn{conn: conn, unix: unix, format: format, ahead: ahead}
}

// Close closes the connection and ends a Send or Receive in progress.
func (c *Conn) Close() error { return c.conn.Close() }

// CloseWrite ends the sending side. What the peer has sent can still be received; Close would lose it.
func (c *Conn) CloseWrite() error {
	if c.unix == nil {
		return errNoSocket
	}
	return c.unix.CloseWrite()
}

// SetDeadline bounds what is sent and received, as net.Conn does.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline bounds a Receive, as net.Conn does.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// Send writes one frame and, when file is not nil, passes a duplicate of it; the caller keeps its own. After an error, other than
// ErrFrameTooLarge, nothing more can be sent.
func (c *Conn) Send(kind byte, body []byte, file *os.File) error {
	if err := c.check(kind, body); err != nil {
		return err
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	return c.send(kind, body, file)
}

// TrySend is Send without a file, unless another Send is in progress: then it does nothing.
func (c *Conn) TrySend(kind byte, body []byte) error {
	if err := c.check(kind, body); err != nil {
		return err
	}
	if !c.sendMu.TryLock() {
		return nil
	}
	defer c.sendMu.Unlock()
	return c.send(kind, body, nil)
}

func (c *Conn) check(kind byte, body []byte) error {
	if limit := c.format.Limit(kind); len(body) > limit {
		return fmt.Errorf("%w: %d bytes of kind %d, at most %d are allowed", ErrFrameTooLarge, len(body), kind, limit)
	}
	return nil
}

// send is called with sendMu held.
func (c *Conn) send(kind byte, body []byte, file *os.File) error {
	if c.format.SendTimeout > 0 {
		if err := c.conn.SetWriteDeadline(time.Now().Add(c.format.SendTimeout)); err != nil {
			return err
		}
	}
	var header []byte
	if c.format.Kinds {
		header = append(header, kind)
	}
	header = binary.BigEndian.AppendUint32(header, uint32(len(body)))
	if file != nil {
		n, err := c.pass(header, file)
		if err != nil {
			return err
		}
		header = header[n:]
	}
	parts := net.Buffers{header}
	if len(body) > 0 { // a pipe would wait for a reader of nothing
		parts = append(parts, body)
	}
	_, err := parts.WriteTo(c.conn)
	return err
}

// Receive returns the next frame. It returns io.EOF when the peer closed between two frames, and the error of a deadline that
// passed between two frames, after which it may be called again. After any other error nothing more can be received.
func (c *Conn) Receive() (Frame, error) {
	frame, err := c.receive()
	if err == nil {
		frame.File = c.file
	} else if c.file != nil {
		c.file.Close()
	}
	c.file = nil
	return frame, err
}

func (c *Conn) receive() (Frame, error) {
	var space [5]byte
	header := space[1:]
	if c.format.Kinds {
		header = space[:]
	}
	if n, err := c.read(header); err != nil {
		if n > 0 {
			err = unexpected(err)
		}
		return Frame{}, err
	}
	kind, size := space[0], binary.BigEndian.Uint32(space[1:])
	if limit := c.format.Limit(kind); uint64(size) > uint64(limit) {
		return Frame{}, fmt.Errorf("%w: %d bytes of kind %d, at most %d are allowed", ErrFrameTooLarge, size, kind, limit)
	}
	if err := c.reserve(int(size)); err != nil {
		return Frame{}, err
	}
	body, err := c.body(int(size))
	return Frame{Kind: kind, Body: body}, unexpected(err)
}

// unexpected turns the end of the connection into that within a frame.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// bodyStep is how much of a body is read at once, in bytes. Memory grows with what really arrives, so that a header alone cannot
// demand much of it.
const bodyStep = 64 << 10

// body reads size bytes.
func (c *Conn) body(size int) ([]byte, error) {
	buffer := c.buffer[:0]
	for len(buffer) < size {
		n := min(size-len(buffer), bodyStep)
		if cap(buffer)-len(buffer) < n {
			grown := make([]byte, len(buffer), min(max(len(buffer)+n, 2*len(buffer)), size))
			copy(grown, buffer)
			buffer = grown
		}
		if _, err := c.read(buffer[len(buffer) : len(buffer)+n]); err != nil {
			return nil, err
		}
		buffer = buffer[:len(buffer)+n]
	}
	c.buffer = nil
	if cap(buffer) <= c.format.Retain {
		c.buffer = buffer
	}
	return buffer, nil
}

// read fills p and keeps the first file of the frame. It returns io.EOF at the end of the connection, wherever that
// is.
func (c *Conn) read(p []byte) (filled int, err error) {
	for filled < len(p) {
		var n int
		switch {
		case len(c.ahead) > 0:
			n = copy(p[filled:], c.ahead)
			c.ahead = c.ahead[n:]
		case c.unix != nil:
			n, err = c.readMessage(p[filled:])
		default:
			n, err = c.conn.Read(p[filled:])
		}
		filled += n
		if err != nil && !(err == io.EOF && filled == len(p)) { // the end shows when more is read
			return filled, err
		}
	}
	return filled, nil
}

// maxRights is the space for descriptors that come with one read, in bytes: more than a frame has.
const maxRights = 64

// pass sends a duplicate of the file with the frame's first bytes, so that it arrives with this frame and no other, and returns how
// many of them were sent.
func (c *Conn) pass(header []byte, file *os.File) (n int, err error) {
	if c.unix == nil {
		return 0, errNoSocket
	}
	// Not file.Fd(): it would make the description blocking, for the receiver too.
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("pass a file: %w", err)
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		n, _, sendErr = c.unix.WriteMsgUnix(header, syscall.UnixRights(int(fd)), nil)
	})
	if err != nil {
		return 0, fmt.Errorf("pass a file: %w", err)
	}
	return n, sendErr
}

// readMessage reads what there is, up to the length of p.
func (c *Conn) readMessage(p []byte) (n int, err error) {
	var oob [maxRights]byte
	n, oobn, flags, _, err := c.unix.ReadMsgUnix(p, oob[:])
	n = max(n, 0) // it is -1 on an error
	if collectErr := c.collect(oob[:oobn]); collectErr != nil {
		return n, collectErr
	}
	switch {
	case errors.Is(err, io.EOF):
		return n, io.EOF // readers return it bare
	case err != nil:
		return n, err
	case flags&syscall.MSG_CTRUNC != 0:
		return n, fmt.Errorf("%w: more files than expected", ErrFrame)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// collect keeps the first file of the frame. It closes others at once, since a frame may come in as many pieces as it has bytes, each with
// files.
func (c *Conn) collect(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("%w: control message: %w", ErrFrame, err)
	}
	var failed error
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue // credentials or the like: nothing that has to be closed
		}
		for _, fd := range fds {
			if c.file != nil {
				syscall.Close(fd)
				continue
			}
			// Non-blocking, so that reading it costs no thread.
			if err := syscall.SetNonblock(fd, true); err != nil {
				failed = fmt.Errorf("receive a file: %w", err)
			}
			c.file = os.NewFile(uintptr(fd), "passed by the peer")
		}
	}
	return failed
}
