package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/docker/docker/client"
)

// AttachOutput opens the output of a container, both stdout and stderr, as a file that anybody may read: nothing of it passes
// through this process, and nothing is read ahead. Opened before start it yields every byte up to end of file, which comes when
// the container has ended and all was written. The caller owns the file; handing it to another process (which gets a duplicate)
// and closing it here leaves the stream whole. The stream is multiplexed, eight bytes of header a frame, unless the container
// has a terminal.
//
// The file is not blocking; a reader other than a Go program has to poll or to clear O_NONBLOCK.
func (c *Client) AttachOutput(ctx context.Context, id string) (*os.File, error) {
	return c.open(ctx, "attach to container", id, func(version string) string {
		return upgradeRequest(fmt.Sprintf("/v%s/containers/%s/attach?stream=1&stdout=1&stderr=1", version, id), nil)
	})
}

// LogOutput opens what the Engine has kept of a container's output since a time (the zero time for all) and what is yet to
// come, in the form of AttachOutput and with the same ownership. It is for the time after a restart of the Engine, which ends
// every attached stream but, with live-restore, not the containers.
func (c *Client) LogOutput(ctx context.Context, id string, since time.Time) (*os.File, error) {
	return c.openLog(ctx, "follow the log of container", id, LogOptions{Follow: true, Since: timestamp(since)})
}

// PastOutput opens what the Engine has kept of a container's output from a time (the zero time for the beginning) to just before
// another (the zero time for the end). The file ends there; it is otherwise that of LogOutput.
func (c *Client) PastOutput(ctx context.Context, id string, since, until time.Time) (*os.File, error) {
	o := LogOptions{Since: timestamp(since)}
	if !until.IsZero() {
		o.Until = timestamp(until.Add(-time.Nanosecond)) // the Engine takes both bounds in
	}
	return c.openLog(ctx, "read the log of container", id, o)
}

// openLog opens a log as a file.
//
// The request is one of HTTP/1.0, to which the Engine answers with a body that ends with the connection: the bytes after the
// header are the stream itself, without the chunk headers that a reader of the bare connection could not tell from output.
func (c *Client) openLog(ctx context.Context, op, id string, o LogOptions) (*os.File, error) {
	return c.open(ctx, op, id, func(version string) string {
		return fmt.Sprintf("GET /v%s/containers/%s/logs?%s HTTP/1.0\r\nHost: %s\r\n\r\n",
			version, id, o.query(), client.DummyHost)
	})
}

// timestamp is a time as the Engine's queries take it, in seconds and nanoseconds; empty for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// open sends the head of a request on a connection of its own and returns that connection once the Engine has agreed.
func (c *Client) open(ctx context.Context, op, id string, head func(version string) string) (*os.File, error) {
	var stream *os.File
	err := c.containerCall(ctx, op, id, streamOpenLimit, func(ctx context.Context, api *client.Client) error {
		x := ctx.Value(exchangeKey{}).(*exchange)
		x.tried = true
		var err error
		stream, x.status, err = openStream(ctx, c.socket, head(api.ClientVersion()))
		return err
	})
	return stream, err
}

// streamStatus says whether the Engine has turned the connection into a stream: 101 for an upgrade it understood, 200 for one
// it did not (Engines before 1.8) and for a log.
func streamStatus(status int) bool {
	return status == http.StatusSwitchingProtocols || status == http.StatusOK
}
