package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

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

// readMessage reads what there is, up to the length of p, and keeps the files that were passed with it.
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
			// Non-blocking, so that reading it costs no thread.
			if err := syscall.SetNonblock(fd, true); err != nil {
				failed = fmt.Errorf("receive a file: %w", err)
			}
			c.files = append(c.files, os.NewFile(uintptr(fd), "passed by the peer"))
		}
	}
	return failed
}
