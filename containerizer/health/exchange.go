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
	tick    time.Duration // answers are read at multiples of it, so that those of servers that were asked together are read together
}

var _ http.RoundTripper = exchange{}

func (e exchange) RoundTrip(request *http.Request) (*http.Response, error) {
	address := net.JoinHostPort(request.URL.Hostname(), portOf(request.URL))
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s is not on the container's loopback", address)
	}
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return nil, err
	}
	fd, err := e.network.dial(e.ctx, to)
	if err != nil {
		return nil, err
	}
	conn, err := e.send(fd, request, text.Bytes())
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
func (e exchange) send(fd int, request *http.Request, text []byte) (io.ReadWriteCloser, error) {
	sent := 0
	if request.URL.Scheme == schemeHTTP {
		// The runtime's poller learns of the socket only after the wait: an answer that has come by then wakes no thread.
		sent, _ = unix.SendmsgN(fd, text, nil, nil, unix.MSG_NOSIGNAL) // of an error the second attempt tells
		// A redirect is followed at once: a chain of them would wait for a tick each.
		if request.Response == nil {
			pauseToTick(e.ctx, 0, e.tick)
		}
	}
	file := os.NewFile(uintptr(fd), "socket")
	var conn io.ReadWriter = file
	var socket io.Closer = file
	if request.URL.Scheme == schemeHTTPS {
		secured, err := secure(e.ctx, file)
		file.Close()
		if err != nil {
			return nil, err
		}
		conn, socket = secured, secured.NetConn() // Close of a tls.Conn waits for a server that does not read
	}
	ends := endsWith{conn, socket, context.AfterFunc(e.ctx, func() { socket.Close() })}
	if sent < len(text) {
		if _, err := conn.Write(text[max(sent, 0):]); err != nil {
			ends.Close()
			return nil, err
		}
	}
	return ends, nil
}

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

// secure makes a TLS connection of a duplicate of the socket. As with curl -k no certificate is verified, for the probe sends nothing
// that needs protection, and old versions of TLS are accepted.
func secure(ctx context.Context, socket *os.File) (*tls.Conn, error) {
	plain, err := net.FileConn(socket)
	if err != nil {
		return nil, fmt.Errorf("use the connection: %w", err)
	}
	conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}) //nolint:gosec // see above
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return conn, nil
}

// readResponse reads the header of the answer that is no interim one; its body is read from the connection.
func readResponse(conn io.Reader, request *http.Request) (*http.Response, error) {
	limited := &io.LimitedReader{R: conn, N: longestHeader}
	reader := bufio.NewReader(limited)
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
