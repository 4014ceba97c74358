package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"
	"go.uber.org/zap"
)

const (
	// idleConnections is how many connections are kept between calls. Go's default of two would make 50 parallel launches dial
	// for each of their calls.
	idleConnections = 128

	// idleConnectionTimeout is how long a burst's connections stay open behind it.
	idleConnectionTimeout = 90 * time.Second
)

// ErrClosed is the cause of every call's error after Close.
var ErrClosed = errors.New("engine client is closed")

// generation is a time during which the API version holds that was negotiated at its start: from the first connection until one
// is lost or the last is closed. In between the Engine cannot have been replaced unnoticed, for that would have cost us a
// connection. While the daemon watches events a connection is always open, so one generation lasts until the Engine restarts.
type generation struct {
	api       *client.Client
	transport *http.Transport
	outdated  atomic.Bool
	open      int // connections; guarded by Client.mu
}

// generation returns the current one or negotiates the next. Concurrent callers wait for the one who does.
func (c *Client) generation(ctx context.Context) (*generation, error) {
	if g := c.current.Load(); g != nil && !g.outdated.Load() {
		return g, nil
	}
	select {
	case c.negotiating <- struct{}{}:
		defer func() { <-c.negotiating }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	old := c.current.Load()
	if old != nil && !old.outdated.Load() {
		return old, nil
	}
	g, err := c.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	c.current.Store(g)
	if old != nil {
		old.transport.CloseIdleConnections()
	}
	if old == nil || old.api.ClientVersion() != g.api.ClientVersion() {
		c.logger.Info("negotiated the Docker Engine's API version",
			zap.String("socket", c.socket), zap.String("version", g.api.ClientVersion()))
	}
	return g, nil
}

// negotiate opens a new generation with a ping, whose answer names the Engine's API version.
func (c *Client) negotiate(ctx context.Context) (*generation, error) {
	g := &generation{}
	g.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dial(ctx, g)
		},
		DisableCompression:  true,
		MaxIdleConns:        idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleConnectionTimeout,
	}
	api, err := client.NewClientWithOpts(
		client.WithHost("unix://"+c.socket),
		client.WithHTTPClient(&http.Client{Transport: recorder{g.transport}, CheckRedirect: client.CheckRedirect}),
		client.WithAPIVersionNegotiation(),
	)
	if err != nil {
		return nil, err
	}
	g.api = api
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	ping, err := api.Ping(ctx)
	if err != nil {
		g.transport.CloseIdleConnections()
		return nil, err
	}
	api.NegotiateAPIVersionPing(ping)
	if err := refusePodman(ctx, api); err != nil {
		g.transport.CloseIdleConnections()
		return nil, err
	}
	return g, nil
}

// ErrPodman says that what answers at the Engine's socket is Podman. It speaks the Docker API, but has other log drivers, other events
// and no live-restore, so that tasks would fail one by one with errors that do not say why.
var ErrPodman = errors.New("it is Podman that answers, not the Docker Engine, and Podman is not supported: install Docker Engine 20.10 or newer, or set docker_socket")

// podmanComponent is how Podman names itself in its answer to GET /version.
const podmanComponent = "Podman Engine"

// refusePodman returns ErrPodman if that is what has answered the ping. Only where its header speaks of Podman is the version asked for,
// so that Docker's Engine costs no further call. An Engine that does not tell is taken for Docker's.
func refusePodman(ctx context.Context, api *client.Client) error {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); !ok || !x.libpod {
		return nil
	}
	version, err := api.ServerVersion(ctx)
	if err != nil {
		return nil
	}
	for _, c := range version.Components {
		if c.Name == podmanComponent {
			return ErrPodman
		}
	}
	return nil
}

// conn is a connection of a generation. It notices when the Engine closes it.
type conn struct {
	net.Conn
	client *Client
	g      *generation
	closed atomic.Bool
}

func (c *Client) dial(ctx context.Context, g *generation) (net.Conn, error) {
	var d net.Dialer
	bare, err := d.DialContext(ctx, "unix", c.socket)
	if err != nil {
		return nil, err
	}
	k := &conn{Conn: bare, client: c, g: g}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = bare.Close()
		return nil, ErrClosed
	}
	g.open++
	c.conns[k] = struct{}{}
	return k, nil
}

func (k *conn) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	if err != nil && !k.closed.Load() {
		k.g.outdated.Store(true)
	}
	return n, err
}

func (k *conn) Close() error {
	if k.closed.Swap(true) {
		return net.ErrClosed
	}
	k.client.mu.Lock()
	delete(k.client.conns, k)
	k.g.open--
	if k.g.open == 0 {
		k.g.outdated.Store(true)
	}
	k.client.mu.Unlock()
	return k.Conn.Close()
}
