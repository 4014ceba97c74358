package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"

	"github.com/docker/docker/client"
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
	Tail         string // how many lines of those that are kept; empty or "all" for all
	Since, Until string // empty for all
	Timestamps   bool   // before each line
	Details      bool   // what the log driver has added
}

func (o LogOptions) query() string {
	query := url.Values{"stdout": {"1"}, "stderr": {"1"}}
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
		return api.ContainerResize(ctx, id, resizeOptions(height, width))
	})
}
