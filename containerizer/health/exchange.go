package health

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// exchange makes the requests of one probe, each on a connection of its own to the container's loopback, in the caller's goroutine.
// http.Transport takes four goroutines for a connection, and to wake their threads costs more than the rest of a probe.
//
// Nothing of it outlives ctx, which must end.
type exchange struct {
	ctx     context.Context
	network *containerNetwork
	tick    time.Duration  // answers are read at multiples of it, so that those of servers that were asked together are read together
	first   *http.Response // the answer to the first request, if that was made before
}

var _ http.RoundTripper = (*exchange)(nil)

func (e *exchange) RoundTrip(request *http.Request) (*http.Response, error) {
	if response := e.first; response != nil {
		e.first = nil
		return response, nil
	}
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return nil, err
	}
	return e.ask(request, text.Bytes())
}

// ask makes a request, whose text is known.
func (e *exchange) ask(request *http.Request, text []byte) (*http.Response, error) {
	address := net.JoinHostPort(request.URL.Hostname(), portOf(request.URL))
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s is not on the container's loopback", address)
	}
	fd, err := e.network.dial(e.ctx, to)
	if err != nil {
		return nil, err
	}
	conn, err := e.send(fd, request, text)
	if err != nil {
		return nil, err
	}
	response, err := readResponse(conn, request)
	if err != nil {
		conn.Close()
		return nil, err
	}
	// Close of the response's own body would read it to its end.
	response.Body = struct {
		io.Reader
		io.Closer
	}{response.Body, conn}
	return response, nil
}

// send sends a request over a connected socket and returns the connection, which ends with ctx. It owns fd.
func (e *exchange) send(fd int, request *http.Request, text []byte) (io.ReadCloser, error) {
	var conn io.ReadWriteCloser
	if request.URL.Scheme == schemeHTTPS {
		secured, err := secure(e.ctx, os.NewFile(uintptr(fd), "socket"))
		if err != nil {
			return nil, err
		}
		conn = secured
	} else {
		// A redirect is followed at once: a chain of them would wait for a tick each.
		look := e.tick
		if request.Response != nil {
			look = shortestTick
		}
		conn = &connection{ctx: e.ctx, fd: fd, look: look, tick: e.tick}
	}
	if _, err := conn.Write(text); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connection is a connected socket that is looked at each tick. The runtime's poller takes more system calls, and wakes a thread for each
// answer.
type connection struct {
	ctx        context.Context
	fd         int
	look, tick time.Duration // the wait for the next look, which doubles up to tick
}

func (c *connection) Read(b []byte) (n int, err error) {
	n, err = c.transfer(func() (int, error) { return unix.Read(c.fd, b) })
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (c *connection) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var sent int
		sent, err = c.transfer(func() (int, error) { return unix.SendmsgN(c.fd, b[n:], nil, nil, unix.MSG_NOSIGNAL) })
		n += sent
	}
	return n, err
}

// transfer makes a call until it does not have to wait.
func (c *connection) transfer(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return 0, err
		case !pauseToTick(c.ctx, 0, c.look):
			return 0, c.ctx.Err()
		}
		c.look = min(2*c.look, c.tick)
	}
}

// Close is called once.
func (c *connection) Close() error { return unix.Close(c.fd) }

// endsWith is a connection that a function closes unless it was stopped.
type endsWith struct {
	io.ReadWriter
	socket io.Closer
	stop   func() bool
}

func (c endsWith) Close() error {
	c.stop()
	return c.socket.Close()
}

// secure makes a TLS connection of a duplicate of the socket, which it closes. As with curl -k no certificate is verified, for the probe
// sends nothing that needs protection, and old versions of TLS are accepted.
func secure(ctx context.Context, socket *os.File) (io.ReadWriteCloser, error) {
	plain, err := net.FileConn(socket)
	socket.Close()
	if err != nil {
		return nil, fmt.Errorf("use the connection: %w", err)
	}
	conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}) //nolint:gosec // see above
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	// Close of a tls.Conn waits for a server that does not read.
	return endsWith{conn, plain, context.AfterFunc(ctx, func() { plain.Close() })}, nil
}

// usualAnswer is the length that most answers do not exceed, in bytes. Longer ones are read in parts.
const usualAnswer = 1 << 10

// readResponse reads the header of the answer that is no interim one; its body is read from the connection.
func readResponse(conn io.Reader, request *http.Request) (*http.Response, error) {
	limited := &io.LimitedReader{R: conn, N: longestHeader}
	reader := bufio.NewReaderSize(limited, usualAnswer)
	for {
		response, err := http.ReadResponse(reader, request)
		switch {
		case err != nil && limited.N <= 0:
			return nil, errors.New("the header of the answer is too long")
		case err != nil:
			return nil, err
		case response.StatusCode >= 200, response.StatusCode == http.StatusSwitchingProtocols:
			limited.N = math.MaxInt64
			return response, nil
		}
	}
}
