package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxHead bounds the header of an answer; the Engine's has less than one kilobyte.
	maxHead = 64 << 10

	// maxRefusal bounds the body of an answer that refuses.
	maxRefusal = 64 << 10
)

var endOfHead = []byte("\r\n\r\n")

// openStream dials, sends a request and reads exactly the header of the answer. What follows the header is still in the socket
// and belongs to the file, a duplicate of the connection. status is 0 if there was no answer.
//
// The docker client's own hijack is not used: it forgets the context once it has dialled, and it reads ahead.
func openStream(ctx context.Context, socket, request string) (stream *os.File, status int, err error) {
	var d net.Dialer
	dialled, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, 0, err
	}
	defer dialled.Close()
	conn := dialled.(*net.UnixConn)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	status, err = exchangeHead(conn, request)
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if err != nil {
		return nil, status, err
	}
	if !stop() { // ctx ended just now, and with it the use of the connection
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	stream, err = conn.File()
	return stream, status, err
}

// exchangeHead sends the request and reads the answer up to the end of its header or, if it is a refusal, to its end.
func exchangeHead(conn *net.UnixConn, request string) (status int, err error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	head, err := readHead(conn)
	if err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), conn)), nil)
	if err != nil {
		return 0, err
	}
	if streamStatus(resp.StatusCode) {
		return resp.StatusCode, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil && len(body) == 0 {
		return resp.StatusCode, fmt.Errorf("answered %s", resp.Status)
	}
	return resp.StatusCode, errors.New(refusal(body, resp.Status))
}

// refusal is what the Engine says in the body of a refusing answer.
func refusal(body []byte, status string) string {
	var answer struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &answer); err == nil && answer.Message != "" {
		return "Error response from daemon: " + answer.Message
	}
	if text := bytes.TrimSpace(body); len(text) > 0 {
		return fmt.Sprintf("answered %s: %s", status, text)
	}
	return "answered " + status
}

// readHead takes the header of an answer, with the empty line that ends it, from a connection and not one byte more: it looks at
// what has arrived before it takes it.
func readHead(conn *net.UnixConn) ([]byte, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var head []byte
	seen := make([]byte, 4096)
	for len(head) < maxHead {
		n, err := receive(raw, seen, unix.MSG_PEEK)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		take, done := n, false
		// The end may lie across what was taken before and what was seen now.
		if i := bytes.Index(append(head[:len(head):len(head)], seen[:n]...), endOfHead); i >= 0 {
			take, done = i+len(endOfHead)-len(head), true
		}
		if take, err = receive(raw, seen[:take], 0); err != nil {
			return nil, err
		}
		head = append(head, seen[:take]...)
		if done && bytes.HasSuffix(head, endOfHead) {
			return head, nil
		}
	}
	return nil, fmt.Errorf("header of the answer exceeds %d bytes", maxHead)
}

// receive is recvfrom(2) that waits, within the connection's deadline, until there is something.
func receive(raw syscallConn, p []byte, flags int) (n int, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		for {
			n, _, err = unix.Recvfrom(int(fd), p, flags)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return n, err
}

// syscallConn is the part of syscall.RawConn that receive needs.
type syscallConn interface {
	Read(f func(fd uintptr) (done bool)) error
}
