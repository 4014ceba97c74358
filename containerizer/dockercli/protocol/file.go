package protocol

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
)

// maxFiles is how many files one message of a socket may bring: there is one a frame.
const maxFiles = 1

// errNoSocket says that a conversation is not held on a Unix socket, which alone can pass files.
var errNoSocket = errors.New("docker protocol: only a Unix socket passes files")

// SendFile is SendJSON with a file, of which the peer gets a duplicate. The caller keeps its own.
func (c *Conn) SendFile(kind Kind, v any, file *os.File) error {
	unix, ok := c.conn.(*net.UnixConn)
	if !ok {
		return errNoSocket
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("docker protocol: %w", err)
	}
	if len(body) > limit(kind) {
		return fmt.Errorf("%w: %d bytes", ErrFrameTooLarge, len(body))
	}
	frame := binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(len(body)))
	frame = append(frame, body...)
	// Not file.Fd(): it would make the description blocking, for the receiver too.
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("docker protocol: pass a file: %w", err)
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	var sendErr error
	if err := raw.Control(func(fd uintptr) { sendErr = write(unix, frame, syscall.UnixRights(int(fd))) }); err != nil {
		return fmt.Errorf("docker protocol: pass a file: %w", err)
	}
	return sendErr
}

// write sends the rights with the frame's first bytes, so that they arrive with this frame and no other.
func write(unix *net.UnixConn, frame, rights []byte) error {
	n, _, err := unix.WriteMsgUnix(frame, rights, nil)
	if err != nil {
		return err
	}
	_, err = unix.Write(frame[n:])
	return err
}

// File is the file that came with the frame that was just received, and is the caller's; nil if there was none. It is called by
// the receiving goroutine, for each frame that has one, in their order.
func (c *Conn) File() *os.File {
	if c.files == nil {
		return nil
	}
	return c.files.take()
}

// receiver reads from a socket and keeps the files that come along.
type receiver struct {
	unix *net.UnixConn

	mu     sync.Mutex
	files  []*os.File // guarded by mu
	closed bool       // guarded by mu
}

func (r *receiver) Read(p []byte) (int, error) {
	var oob [64]byte // of which a message with maxFiles needs 24
	n, oobn, _, _, err := r.unix.ReadMsgUnix(p, oob[:])
	if oobn > 0 {
		r.keep(oob[:oobn])
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF // as readers say it
	}
	return max(n, 0), err // on an error it is -1
}

// keep takes the files of one message. What else the peer attaches, or attaches too much, is nothing that was agreed.
func (r *receiver) keep(oob []byte) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for j, fd := range fds {
			file := os.NewFile(uintptr(fd), "passed by the daemon")
			if r.closed || j >= maxFiles {
				file.Close()
				continue
			}
			r.files = append(r.files, file)
		}
	}
}

func (r *receiver) take() *os.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.files) == 0 {
		return nil
	}
	file := r.files[0]
	r.files = r.files[1:]
	return file
}

func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, f := range r.files {
		f.Close()
	}
	r.files = nil
}
