package image

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

// The words are those that the errors really print, of this Go at least.
func TestWords(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	_, tlsToPlain := http.Get(strings.Replace(plain.URL, "http://", "https://", 1))
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	_, untrusted := http.Get(secure.URL)

	for _, tt := range []struct {
		err       error
		kind      Kind
		temporary bool
	}{
		{&os.PathError{Op: "write", Path: "/var/lib/docker/x", Err: syscall.ENOSPC}, DiskFull, false},
		{&net.DNSError{Err: "no such host", Name: "registry", IsNotFound: true}, UnknownHost, false},
		{&net.DNSError{Err: "server misbehaving", Name: "registry", IsTemporary: true}, Unreachable, true},
		{tlsToPlain, TLS, false},
		{untrusted, TLS, false},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "registry"}, TLS, false},
		{tls.AlertError(40), TLS, false},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, Unreachable, true},
		{&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}, Unreachable, true},
		{fmt.Errorf("Get %q: %w", "http://registry/v2/", io.EOF), Unreachable, true},
		{io.ErrUnexpectedEOF, Unreachable, true},
		{errors.New("received unexpected HTTP status: 503 Service Unavailable"), Unreachable, true},
		{errors.New("unexpected status from HEAD request to http://registry/v2/app/manifests/v1: 502 Bad Gateway"), Unreachable, true},
		{errors.New("unexpected status from GET request to https://registry/v2/app/manifests/v1: 520 "), Unreachable, true},
		{errors.New("unexpected status from HEAD request to http://registry/v2/app/manifests/v1: 429 Too Many Requests"), RateLimited, true},
		{errors.New("unexpected status from HEAD request to http://registry/v2/app/manifests/v1: 403 Forbidden"), 0, false},
		{errors.New("error parsing HTTP 429 response body: unexpected end of JSON input: \"\""), RateLimited, true},
		{errors.New("toomanyrequests: slow down"), RateLimited, true},
		{errors.New("manifest for registry/eof:latest not found: manifest unknown"), 0, false},
		{errors.New("invalid character '<' looking for beginning of value"), 0, false},
	} {
		if kind, temporary := classify(tt.err.Error()); kind != tt.kind || temporary != tt.temporary {
			t.Errorf("%q is %v, temporary %v", tt.err, kind, temporary)
		}
	}
}
