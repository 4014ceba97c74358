package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// MaxFrame bounds a frame's body in bytes. The largest message carries a TaskInfo, which the master bounds at a few megabytes,
// in base64.
const MaxFrame = 32 << 20

// writeTimeout bounds one Send. The peer reads all the time, so a socket that stays full for this long means a stopped
// process; the conversation is then given up and begins anew when it goes on.
const writeTimeout = 10 * time.Second

// retainedBuffer is the largest receive buffer kept between frames, in bytes: a task's own definition passes once and must not
// stay in memory for its life.
const retainedBuffer = 16 << 10

// Errors of a Conn. Any other is the socket's.
var (
	ErrFrameTooLarge = fmt.Errorf("wire: frame is larger than %d bytes", MaxFrame)
	ErrFrame         = errors.New("wire: malformed frame")
)

// Conn sends and receives messages. One goroutine may receive while others send.
type Conn struct {
	unix *net.UnixConn

	sendMu sync.Mutex // held for the length of a frame

	buffer []byte     // of the receiving goroutine
	files  []*os.File // received, not yet handed to the caller
}

// NewConn takes over unix: closing the Conn closes it.
func NewConn(unix *net.UnixConn) *Conn {
	return &Conn{unix: unix}
}

// Close ends the conversation. Files that were received and not taken are closed when Receive returns.
func (c *Conn) Close() error {
	return c.unix.Close()
}

// CloseWrite ends this side's part of the conversation. What the peer has sent can still be received; Close would lose it.
func (c *Conn) CloseWrite() error {
	return c.unix.CloseWrite()
}

// SetReadDeadline bounds a Receive, as net.Conn does.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.unix.SetReadDeadline(t)
}

// Send writes one message and, when file is not nil, passes a duplicate of it; the caller keeps its own. After an error the
// Conn is of no more use.
func (c *Conn) Send(m Message, file *os.File) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("wire: encode message: %w", err)
	}
	if len(body) > MaxFrame {
		return ErrFrameTooLarge
	}
	frame := make([]byte, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	copy(frame[4:], body)

	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	if err := c.unix.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if file == nil {
		return c.write(frame, nil)
	}
	// Not file.Fd(): it would make the description blocking, for the receiver too.
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("wire: pass file: %w", err)
	}
	var sendErr error
	if err := raw.Control(func(fd uintptr) { sendErr = c.write(frame, syscall.UnixRights(int(fd))) }); err != nil {
		return fmt.Errorf("wire: pass file: %w", err)
	}
	return sendErr
}

// write sends the frame's first bytes together with the rights, so that they arrive with this frame and no other.
func (c *Conn) write(frame, rights []byte) error {
	if rights != nil {
		n, _, err := c.unix.WriteMsgUnix(frame, rights, nil)
		if err != nil {
			return err
		}
		frame = frame[n:]
	}
	_, err := c.unix.Write(frame)
	return err
}

// Receive returns the next message and the file that came with it, which the caller owns, or nil. It returns io.EOF when the
// peer closed between two frames. After any other error the Conn is of no more use.
func (c *Conn) Receive() (Message, *os.File, error) {
	m, err := c.receive()
	var file *os.File
	if err == nil && m.Output != nil && len(c.files) > 0 {
		file, c.files = c.files[0], c.files[1:]
	}
	for _, f := range c.files {
		f.Close()
	}
	c.files = nil
	return m, file, err
}

func (c *Conn) receive() (Message, error) {
	var header [4]byte
	if err := c.read(header[:]); err != nil {
		return Message{}, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size > MaxFrame {
		return Message{}, ErrFrameTooLarge
	}
	body, err := c.body(int(size))
	if err != nil {
		return Message{}, err
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if m.kinds() > 1 {
		return Message{}, fmt.Errorf("%w: more than one message in it", ErrFrame)
	}
	return m, nil
}

// body reads size bytes. Memory grows with what really arrives, so that a header alone cannot demand much of it.
func (c *Conn) body(size int) ([]byte, error) {
	const step = 1 << 20
	buffer := c.buffer[:0]
	for len(buffer) < size {
		n := min(size-len(buffer), step)
		if cap(buffer)-len(buffer) < n {
			grown := make([]byte, len(buffer), max(len(buffer)+n, 2*len(buffer)))
			copy(grown, buffer)
			buffer = grown
		}
		if err := c.read(buffer[len(buffer) : len(buffer)+n]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		buffer = buffer[:len(buffer)+n]
	}
	c.buffer = nil
	if cap(buffer) <= retainedBuffer {
		c.buffer = buffer
	}
	return buffer, nil
}

// read fills p, collecting the files that come along.
func (c *Conn) read(p []byte) error {
	for filled := 0; filled < len(p); {
		var oob [64]byte
		n, oobn, flags, _, err := c.unix.ReadMsgUnix(p[filled:], oob[:])
		if oobn > 0 {
			if err := c.collect(oob[:oobn]); err != nil {
				return err
			}
		}
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case flags&syscall.MSG_CTRUNC != 0:
			return fmt.Errorf("%w: more files than expected", ErrFrame)
		case n == 0 && filled > 0:
			return io.ErrUnexpectedEOF
		case n == 0:
			return io.EOF
		}
		filled += n
	}
	return nil
}

func (c *Conn) collect(oob []byte) error {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("%w: control message: %w", ErrFrame, err)
	}
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			continue // credentials or the like: nothing that has to be closed
		}
		for _, fd := range fds {
			// Non-blocking, so that reading it costs no thread.
			if err := syscall.SetNonblock(fd, true); err != nil {
				syscall.Close(fd)
				return fmt.Errorf("wire: received file: %w", err)
			}
			c.files = append(c.files, os.NewFile(uintptr(fd), "output"))
		}
	}
	return nil
}

// kinds counts the fields that are set.
func (m *Message) kinds() int {
	n := 0
	for _, set := range []bool{
		m.Attach != nil, m.Launch != nil, m.Kill != nil, m.Resume != nil, m.Done != nil,
		m.Refused != nil, m.Accepted != nil, m.Progress != nil, m.Created != nil, m.Output != nil, m.Running != nil,
		m.Health != nil, m.Check != nil, m.Exited != nil,
	} {
		if set {
			n++
		}
	}
	return n
}
