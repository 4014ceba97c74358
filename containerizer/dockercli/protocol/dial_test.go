package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a daemon that answers with handler, and returns its socket.
func serve(t *testing.T, handler http.Handler) string {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadTimeout: 100 * time.Millisecond}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Close(); <-done })
	return socket
}

// upgrading is a handler that upgrades and hands over the result.
func upgrading(t *testing.T, mend func(string) string, then func(*Conn, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != Path {
			t.Errorf("the client asks at %s", r.URL.Path)
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		then(Upgrade(conn, buffered.Reader, mend(r.Header.Get("Upgrade"))))
	}
}

func same(s string) string { return s }

func TestDial(t *testing.T) {
	socket := serve(t, upgrading(t, same, func(c *Conn, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		kind, body, err := c.Receive()
		if err != nil {
			t.Error(err)
		}
		// Longer than the server gives an ordinary request.
		time.AfterFunc(200*time.Millisecond, func() { _ = c.Send(KindExit, body) })
		if k, _, err := c.Receive(); err != io.EOF || kind != KindCall {
			t.Error(kind, k, err)
		}
	}))
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(KindCall, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if kind, body, err := c.Receive(); kind != KindExit || string(body) != "text" || err != nil {
		t.Errorf("kind %d, %q, %v", kind, body, err)
	}
}

// TestVersionSkew: both sides say so in place of misunderstanding each other.
func TestVersionSkew(t *testing.T) {
	later := func(string) string { return fmt.Sprintf("%s/%d", upgradeName, Version+1) }
	answers := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, text)
		}
	}
	for name, c := range map[string]struct {
		handler http.Handler
		other   bool
		want    string
	}{
		"the client is newer": {upgrading(t, later, func(_ *Conn, err error) {
			if err == nil || !strings.Contains(err.Error(), "/2") {
				t.Errorf("the daemon says %v", err)
			}
		}), true, `it speaks "mesos-docker-cli/1"`},
		"the daemon has no docker commands": {http.NotFoundHandler(), true, "no docker commands"},
		"the daemon chooses what was not offered": {answers("HTTP/1.1 101 Switching Protocols\r\nUpgrade: mesos-docker-cli/7\r\n\r\n"), true,
			`it offers "mesos-docker-cli/7"`},
		"something else": {answers("HTTP/1.1 500 Oh No\r\n\r\n"), false, "500 Oh No"},
		"no HTTP":        {answers("220 mail.example ESMTP\r\n\r\n"), false, "mail.example"},
		"nothing":        {answers(""), false, "EOF"},
		"half an answer": {answers("HTTP/1.1 101 Switching Proto"), false, "EOF"},
		"half a header":  {answers("HTTP/1.1 101 Switching Protocols\r\nUpgr"), false, "Upgr"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := Dial(t.Context(), serve(t, c.handler))
			if err == nil {
				conn.Close()
				t.Fatal("it works")
			}
			if errors.Is(err, ErrOtherVersion) != c.other || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestParseProtocol(t *testing.T) {
	for text, want := range map[string]int{
		"mesos-docker-cli/1": 1, "mesos-docker-cli/12": 12,
		"": 0, "mesos-docker-cli": 0, "mesos-docker-cli/": 0, "mesos-docker-cli/0": 0, "mesos-docker-cli/-1": 0, "tcp/1": 0, "mesos-docker-cli/1 ": 0,
	} {
		if got, ok := parseProtocol(text); ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %d %v", text, got, ok)
		}
	}
}

// TestDialIsBounded: a daemon that accepts and does not answer is a daemon that is not there.
func TestDialIsBounded(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, listener.Addr().String()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error is %v", err)
	}
	if _, err := Dial(ctx, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("nobody listens, and it works")
	}
	if _, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a socket: %v", err)
	}
}
