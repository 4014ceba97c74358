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
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// Stream is an open connection to a process in a container: what is read from it is the process's output, multiplexed unless it
// has a terminal, and what is written to it is the process's input. The caller owns it. It has no limit of time.
type Stream struct{ conn *net.UnixConn }

// newStream takes the file over.
func newStream(file *os.File, err error) (*Stream, error) {
	if err != nil {
		return nil, err
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("stream of a container: %w", err)
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("stream of a container is no connection of the Engine's socket"), conn.Close())
	}
	return &Stream{conn: unix}, nil
}

// Read reads output; io.EOF comes when the process has ended and all was read.
func (s *Stream) Read(p []byte) (int, error) { return s.conn.Read(p) }

// Write writes input.
func (s *Stream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// File returns a duplicate of the connection, for another process. It is the caller's.
func (s *Stream) File() (*os.File, error) { return s.conn.File() }

// CloseInput tells the process that no more input comes.
func (s *Stream) CloseInput() error { return s.conn.CloseWrite() }

// Close ends the stream, and any Read or Write that waits. The process does not end with it.
func (s *Stream) Close() error { return s.conn.Close() }

// AttachInput opens a stream to the input of a container's first process, which need not run yet. See AttachOutput for its output.
func (c *Client) AttachInput(ctx context.Context, id string) (*Stream, error) {
	return newStream(c.open(ctx, "attach to container", id, func(version string) string {
		return upgradeRequest(fmt.Sprintf("/v%s/containers/%s/attach?stream=1&stdin=1", version, id), nil)
	}))
}

// upgradeRequest is the request for a stream, with a body of JSON.
func upgradeRequest(path string, body []byte) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n%s",
		path, client.DummyHost, len(body), body)
}

// LogOptions say what of a log is wanted. Times are as the Engine takes them: seconds since 1970, with a fraction.
type LogOptions struct {
	Follow       bool   // go on with what is yet to come
	Stream       string // stdout or stderr; empty for both
	Tail         string // how many lines of those that are kept; empty or "all" for all
	Since, Until string // empty for all
	Timestamps   bool   // before each line
	Details      bool   // what the log driver has added
}

func (o LogOptions) query() string {
	query := url.Values{"stdout": {"1"}, "stderr": {"1"}}
	if o.Stream != "" {
		query = url.Values{o.Stream: {"1"}}
	}
	for name, value := range map[string]string{"tail": o.Tail, "since": o.Since, "until": o.Until} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, wanted := range map[string]bool{"follow": o.Follow, "timestamps": o.Timestamps, "details": o.Details} {
		if wanted {
			query.Set(name, "1")
		}
	}
	return query.Encode()
}

// Log opens what the Engine has kept of a container's output. Nothing is to be written to it.
func (c *Client) Log(ctx context.Context, id string, o LogOptions) (*Stream, error) {
	return newStream(c.openLog(ctx, "read the log of container", id, o))
}

// Resize gives the terminal of a container a size.
func (c *Client) Resize(ctx context.Context, id string, height, width uint) error {
	return c.containerCall(ctx, "resize the terminal of container", id, resizeLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerResize(ctx, id, container.ResizeOptions{Height: height, Width: width})
	})
}

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
func receive(raw syscall.RawConn, p []byte, flags int) (n int, err error) {
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
