package health

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A connection with TLS ends with its socket alone: to say goodbye can take as long as a server likes that does not read.
func TestEndOfTLSWaitsForNoServer(t *testing.T) {
	certificates := httptest.NewTLSServer(http.NotFoundHandler())
	certificates.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	asked, last := make(chan error, 1), make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			asked <- err
			return
		}
		defer conn.Close()
		_, err = tls.Server(conn, &tls.Config{Certificates: certificates.TLS.Certificates}).Read(make([]byte, 1000))
		asked <- err
		rest, _ := io.ReadAll(conn)
		last <- rest
	}()

	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort(listener.Addr().String())
	if err := errors.Join(unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}), unix.SetNonblock(fd, true)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	request := httptest.NewRequest(http.MethodGet, "https://"+to.String(), nil)
	conn, err := (&exchange{ctx: ctx}).send(fd, request, []byte("GET / HTTP/1.1\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	cancel()
	if rest := <-last; len(rest) > 0 {
		t.Errorf("the server was told the end in %d bytes", len(rest))
	}
}

// A connection waits for a server that reads and answers late, however much is to be sent, and no longer than its context.
func TestConnectionWaitsForItsServer(t *testing.T) {
	for _, size := range []int{100, 10 << 20} {
		ours, server := socketPair(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []byte
		done := make(chan error, 1)
		go func() {
			defer server.Close()
			got = make([]byte, size)
			if _, err := io.ReadFull(server, got); err != nil {
				done <- err
				return
			}
			pause(ctx, 10*shortestTick) // the answer comes in parts, each after some looks
			_, err := io.WriteString(server, "HTTP/1.1 204 No Content\r\n")
			pause(ctx, 10*shortestTick)
			_, last := io.WriteString(server, "\r\n")
			done <- errors.Join(err, last)
		}()
		request := httptest.NewRequest(http.MethodGet, "http://127.0.0.1", nil)
		text := bytes.Repeat([]byte("x"), size)
		conn, err := (&exchange{ctx: ctx, tick: 4 * shortestTick}).send(ours, request, text)
		if err != nil {
			t.Fatal(err)
		}
		response, err := readResponse(conn, request)
		if err != nil || response.StatusCode != http.StatusNoContent {
			t.Errorf("%d bytes: %v %v", size, response, err)
		}
		if err := <-done; err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes: the server got something else: %v", size, err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes and %v after the end", n, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A connection to a server that is silent, or that does not read, ends with its context.
func TestConnectionEndsWithItsContext(t *testing.T) {
	request := httptest.NewRequest(http.MethodGet, "http://127.0.0.1", nil)
	for _, size := range []int{100, 10 << 20} {
		ours, server := socketPair(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		conn, err := (&exchange{ctx: ctx, tick: shortestTick}).send(ours, request, make([]byte, size))
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d bytes: %v", size, err)
		}
		cancel()
		server.Close()
	}
}

// socketPair returns a non-blocking socket, which send takes, and the server's end of its connection.
func socketPair(t *testing.T) (ours int, server *os.File) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair[0], os.NewFile(uintptr(pair[1]), "server")
}
