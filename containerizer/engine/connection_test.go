package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// inspect is the simplest call there is.
func inspect(ctx context.Context, c *Client) error {
	_, err := c.Inspect(ctx, "c1")
	return err
}

func TestNegotiatesOnceForParallelCalls(t *testing.T) {
	var pings, dials atomic.Int32
	d := newDouble(t, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" {
			pings.Add(1)
			w.Header().Set("Api-Version", "1.41")
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/v1.41/") {
			t.Errorf("path is %s", r.URL.Path)
		}
		answerInspect(w, r)
	}), func(s *http.Server) {
		s.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
			dials.Add(1)
			return ctx
		}
	})
	c := newClient(t, d.socket)
	const parallel, rounds = 50, 4
	for range rounds {
		var wg sync.WaitGroup
		for range parallel {
			wg.Go(func() {
				if err := inspect(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if n := pings.Load(); n != 1 {
		t.Errorf("%d pings, want 1", n)
	}
	if n := dials.Load(); n > parallel+1 {
		t.Errorf("%d connections for %d calls at once, %d times", n, parallel, rounds)
	}
}

func TestEngineComesBackWithAnotherVersion(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine.sock")
	c := newClient(t, socket)
	if err := inspect(t.Context(), c); !IsUnavailable(err) || !errors.Is(err, syscall.ENOENT) {
		t.Fatalf("without an Engine: %v", err)
	}
	for _, engine := range []struct{ version, want string }{
		{"1.41", "1.41"}, {"1.24", "1.24"}, {"1.44", "1.44"}, {"1.99", api.DefaultVersion},
	} {
		version, want := engine.version, engine.want
		d := newDouble(t, socket, engineOf(version, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/v"+want+"/") {
				t.Errorf("Engine of %s was asked for %s", version, r.URL.Path)
			}
			answerInspect(w, r)
		}))
		for range 3 {
			if err := inspect(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		d.CloseClientConnections()
		d.Close()
		if err := inspect(t.Context(), c); !IsUnavailable(err) {
			t.Fatalf("after the Engine of %s: %v", version, err)
		}
	}
}

// The Engine is replaced while no connection is open: nothing tells of it but the end of the last connection.
func TestLastConnectionEndsGeneration(t *testing.T) {
	d := newDouble(t, "", engineOf("1.41", answerInspect))
	c := newClient(t, d.socket)
	if err := inspect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	g := c.current.Load()
	g.transport.CloseIdleConnections()
	if !g.outdated.Load() {
		t.Fatal("generation outlives its last connection")
	}
	if err := inspect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if c.current.Load() == g {
		t.Fatal("no new generation")
	}
}

// A request with a version the new Engine refuses is repeated with the right one.
func TestRefusedVersionIsNegotiatedAgain(t *testing.T) {
	var pings atomic.Int32
	d := newDouble(t, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/_ping" && pings.Add(1) == 1:
			w.Header().Set("Api-Version", "1.44")
		case r.URL.Path == "/_ping":
			w.Header().Set("Api-Version", "1.41")
		case !strings.HasPrefix(r.URL.Path, "/v1.41/"):
			w.Header().Set("Connection", "close") // what the restart looks like to this connection
			refuse(w, http.StatusBadRequest, "client version 1.44 is too new")
		default:
			answerInspect(w, r)
		}
	}))
	c := newClient(t, d.socket)
	if err := inspect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// A double that never keeps a connection must not make us negotiate for ever.
func TestEngineWithoutKeepAlive(t *testing.T) {
	d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/kill") {
			refuse(w, http.StatusBadRequest, "invalid signal")
			return
		}
		answerInspect(w, r)
	}), func(s *http.Server) { s.SetKeepAlivesEnabled(false) })
	c := newClient(t, d.socket)
	if err := inspect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(t.Context(), "c1", "NONE"); !IsInvalid(err) {
		t.Fatal(err)
	}
}

func TestEnvironmentIsIgnored(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
	t.Setenv("DOCKER_API_VERSION", "1.30")
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", "/nonexistent")
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")
	d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1.41/") {
			t.Errorf("path is %s", r.URL.Path)
		}
		answerInspect(w, r)
	}))
	if err := inspect(t.Context(), newClient(t, d.socket)); err != nil {
		t.Fatal(err)
	}
}

func TestNoAnswer(t *testing.T) {
	cut := func(w http.ResponseWriter, partial string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(partial))
		_ = conn.Close()
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"cut before the answer", func(w http.ResponseWriter, _ *http.Request) { cut(w, "") }},
		{"cut in the header", func(w http.ResponseWriter, _ *http.Request) { cut(w, "HTTP/1.1 20") }},
		{"cut in the body", func(w http.ResponseWriter, _ *http.Request) {
			cut(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"Id\":")
		}},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) { cut(w, "SSH-2.0-OpenSSH_9.2\r\n\r\n") }},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }},
		{"other JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"Id":7}`)) }},
		{"empty object", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newDouble(t, "", engineOf("1.41", tt.handler)).socket)
			if err := inspect(t.Context(), c); !IsUnavailable(err) || !errdefs.IsUnavailable(err) {
				t.Errorf("inspect: %v", err)
			}
			_, _, err := c.Create(t.Context(), "c1", &container.Config{}, nil, nil, nil)
			if !IsUnavailable(err) {
				t.Errorf("create: %v", err)
			}
			if !strings.Contains(err.Error(), `create container "c1"`) {
				t.Errorf("%v does not say which call", err)
			}
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = listener.Close()
	if err := inspect(t.Context(), newClient(t, socket)); !IsUnavailable(err) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatal(err)
	}
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
}

// hangingDouble answers pings and leaves everything else without an answer until the test ends.
func hangingDouble(t *testing.T) (d *double, asked chan struct{}) {
	asked = make(chan struct{}, 64)
	done := make(chan struct{})
	d = newDouble(t, "", engineOf("1.41", func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(done) })
	return d, asked
}

func TestDeadline(t *testing.T) {
	d, _ := hangingDouble(t)
	c := newClient(t, d.socket)
	check := func(name string, err error) {
		t.Helper()
		if !IsUnavailable(err) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
			return
		}
		for _, part := range []string{`inspect container "c1"`, "may be hung", d.socket} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %q", name, err, part)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	check("of the caller", inspect(ctx, c))
	check("of the call", c.call(t.Context(), "inspect container", "c1", 30*time.Millisecond,
		func(ctx context.Context, api *client.Client) error {
			_, err := api.ContainerInspect(ctx, "c1")
			return err
		}))
}

// Each call is bounded though its caller has no deadline.
func TestEveryCallHasItsLimit(t *testing.T) {
	d := newDouble(t, "", engineOf("1.41", answerInspect))
	c := newClient(t, d.socket)
	var left time.Duration
	_ = c.call(t.Context(), "x", "y", inspectLimit, func(ctx context.Context, _ *client.Client) error {
		deadline, ok := ctx.Deadline()
		if !ok {
			t.Fatal("no deadline")
		}
		left = time.Until(deadline)
		return nil
	})
	if left <= 0 || left > inspectLimit {
		t.Fatalf("deadline in %s", left)
	}
}

func TestCancelledCall(t *testing.T) {
	d, asked := hangingDouble(t)
	c := newClient(t, d.socket)
	reason := errors.New("task was killed")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(reason)
	}()
	err := inspect(ctx, c)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) || IsUnavailable(err) {
		t.Fatal(err)
	}
}

func TestCloseCutsCalls(t *testing.T) {
	d, asked := hangingDouble(t)
	c := newClient(t, d.socket)
	failed := make(chan error)
	go func() { failed <- inspect(t.Context(), c) }()
	<-asked
	_ = c.Close()
	if err := <-failed; !IsUnavailable(err) {
		t.Fatal(err)
	}
	if err := inspect(t.Context(), c); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestKindsOfAnswers(t *testing.T) {
	for _, tt := range []struct {
		status int
		is     func(error) bool
	}{
		{http.StatusBadRequest, IsInvalid},
		{http.StatusNotFound, IsNotFound},
		{http.StatusConflict, IsConflict},
		{http.StatusUnauthorized, errdefs.IsUnauthorized},
		{http.StatusForbidden, errdefs.IsPermissionDenied},
		{http.StatusTooManyRequests, errdefs.IsResourceExhausted},
		{http.StatusNotImplemented, errdefs.IsNotImplemented},
		{http.StatusInternalServerError, errdefs.IsInternal},
		{http.StatusServiceUnavailable, errdefs.IsInternal}, // an answer, so not "unavailable"
	} {
		d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, tt.status, "the Engine's own words")
		}))
		c := newClient(t, d.socket)
		err := inspect(t.Context(), c)
		if !tt.is(err) || IsUnavailable(err) || IsImageNotFound(err) {
			t.Errorf("%d: %#v", tt.status, err)
		}
		if !strings.Contains(err.Error(), "the Engine's own words") {
			t.Errorf("%d: %v", tt.status, err)
		}
		_, err = c.InspectImage(t.Context(), "i", nil)
		if tt.status == http.StatusNotFound && (!IsImageNotFound(err) || IsNotFound(err) || !errdefs.IsNotFound(err)) {
			t.Errorf("image: %v", err)
		}
	}
}

// What the docker client refuses before it asks the Engine is the task's mistake, not an unknown outcome.
func TestRefusedByTheDockerClient(t *testing.T) {
	d := newDouble(t, "", engineOf("1.24", answerInspect))
	seconds := 3
	_, _, err := newClient(t, d.socket).Create(t.Context(), "c1", &container.Config{StopTimeout: &seconds}, nil, nil, nil)
	if !IsInvalid(err) {
		t.Fatal(err)
	}
}

// A name that would lead the request to another path of the API never leaves us.
func TestNamesThatAreNone(t *testing.T) {
	d := newDouble(t, "", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }))
	c, ctx := newClient(t, d.socket), t.Context()
	for _, name := range []string{"", "../info", "a/b", "a?force=1", "a\r\nHost: x", "-a", "ä"} {
		_, _, createErr := c.Create(ctx, name, &container.Config{}, nil, nil, nil)
		_, inspectErr := c.Inspect(ctx, name)
		_, attachErr := c.AttachOutput(ctx, name)
		_, logErr := c.LogOutput(ctx, name, time.Time{})
		for _, err := range []error{
			createErr, c.Start(ctx, name), inspectErr, c.Kill(ctx, name, "KILL"), c.Stop(ctx, name, 0), c.Remove(ctx, name), attachErr, logErr,
		} {
			if !IsInvalid(err) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

// Podman answers pings with the versions of both APIs, and says what it is in its version.
func TestPodmanIsRefused(t *testing.T) {
	answers := func(component string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Libpod-Api-Version", "5.4.2")
			switch {
			case r.URL.Path == "/_ping":
				w.Header().Set("Api-Version", "1.41")
			case strings.HasSuffix(r.URL.Path, "/version"):
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprintf(w, `{"Version": "5.4.2", "ApiVersion": "1.41", "Components": [{"Name": %q, "Version": "5.4.2"}]}`, component)
			default:
				answerInspect(w, r)
			}
		})
	}
	err := inspect(t.Context(), newClient(t, newDouble(t, "", answers("Podman Engine")).socket))
	if err == nil || !errors.Is(err, ErrPodman) || !strings.Contains(err.Error(), "Podman is not supported") {
		t.Errorf("the error is %v", err)
	}
	if err := inspect(t.Context(), newClient(t, newDouble(t, "", answers("Engine")).socket)); err != nil {
		t.Errorf("an Engine behind a proxy that adds the header: %v", err)
	}
}
