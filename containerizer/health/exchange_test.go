package health

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

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
