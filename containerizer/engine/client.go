package engine

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
	"go.uber.org/zap"
)

// Options are what a Client needs to know.
type Options struct {
	Socket string      // path of the Engine's Unix socket
	Logger *zap.Logger // nil for none

	// Observe, if not nil, is called after each call with its Error's Op, for metrics. For a stream that is when it has opened.
	// It is called from many goroutines.
	Observe func(op string, took time.Duration, err error)
}

// Client makes calls to one Engine. It is safe for concurrent use and keeps its connections between calls.
type Client struct {
	socket  string
	logger  *zap.Logger
	observe func(op string, took time.Duration, err error)

	current     atomic.Pointer[generation]
	negotiating chan struct{} // held by the one who negotiates

	mu     sync.Mutex
	closed bool               // guarded by mu
	conns  map[*conn]struct{} // guarded by mu
}

// New returns a Client of the Engine behind a Unix socket. Nothing is opened yet: New fails only without a path, never because
// the Engine is away.
func New(o Options) (*Client, error) {
	if o.Socket == "" {
		return nil, errors.New("engine: path of the Docker Engine's socket is empty")
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Observe == nil {
		o.Observe = func(string, time.Duration, error) {}
	}
	return &Client{
		socket:      o.Socket,
		logger:      o.Logger,
		observe:     o.Observe,
		negotiating: make(chan struct{}, 1),
		conns:       make(map[*conn]struct{}),
	}, nil
}

// Close cuts all connections. Calls and event streams in progress fail; files that were handed out stay open.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	open := make([]*conn, 0, len(c.conns))
	for k := range c.conns {
		open = append(open, k)
	}
	c.mu.Unlock()
	for _, k := range open {
		_ = k.Close() // the other side loses nothing: requests are answered or cut, as the caller asked
	}
	return nil
}

// Ping asks the Engine whether it answers.
func (c *Client) Ping(ctx context.Context) error {
	return c.call(ctx, "ping", "", pingLimit, func(ctx context.Context, api *client.Client) error {
		_, err := api.Ping(ctx)
		return err
	})
}

// Listens reports whether the Engine takes connections. One that is being stopped does not, while it still answers on those it has.
func (c *Client) Listens(ctx context.Context) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// call runs one request within a limit and turns what went wrong into an *Error.
func (c *Client) call(caller context.Context, op, object string, limit time.Duration, request func(context.Context, *client.Client) error) error {
	started := time.Now()
	err := c.try(caller, op, object, limit, request)
	c.observe(op, time.Since(started), err)
	return err
}

// try makes a call again if it went to an Engine that had been replaced by one of another version.
func (c *Client) try(caller context.Context, op, object string, limit time.Duration, request func(context.Context, *client.Client) error) error {
	ctx, cancel := caller, context.CancelFunc(func() {})
	if limit != noLimit {
		ctx, cancel = context.WithTimeout(caller, limit)
	}
	defer cancel()
	started := time.Now()
	for again := true; ; again = false {
		x := &exchange{}
		g, err := c.generation(withExchange(ctx, x))
		if err != nil {
			x.status = 0 // whatever answers like this is not the Engine API
			x.tried = true
			return c.failure(caller, op, object, started, x, err)
		}
		*x = exchange{}
		if err = request(withExchange(ctx, x), g.api); err == nil {
			return nil
		}
		err = c.failure(caller, op, object, started, x, err)
		// An Engine that was replaced between negotiation and request may refuse the version, before it looks at the rest.
		if again && g.outdated.Load() && errors.Is(err, errdefs.ErrInvalidArgument) {
			continue
		}
		return err
	}
}

// ask is call for a request with an answer, which is the zero value with an error of the Engine.
func ask[T any](ctx context.Context, c *Client, op, object string, limit time.Duration, request func(context.Context, *client.Client) (T, error)) (answer T, err error) {
	err = c.call(ctx, op, object, limit, func(ctx context.Context, api *client.Client) (err error) {
		answer, err = request(ctx, api)
		return err
	})
	return answer, err
}

// containerCall is call for one container. An id or name that is none is refused here: the docker client and the Engine would
// take its slashes and dots for a path to something else.
func (c *Client) containerCall(ctx context.Context, op, idOrName string, limit time.Duration, request func(context.Context, *client.Client) error) error {
	if !ValidName(idOrName) {
		return &Error{Op: op, Object: idOrName, kind: errdefs.ErrInvalidArgument, text: "this is not the id or name of a container"}
	}
	return c.call(ctx, op, idOrName, limit, request)
}

// ValidName reports whether the Engine would accept a name for a container, or an id. Calls refuse any other without asking the Engine.
func ValidName(name string) bool {
	for i, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case i > 0 && (r == '_' || r == '.' || r == '-'):
		default:
			return false
		}
	}
	return name != ""
}
