package v1

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"mesos-docker-containerizer/executor/agent"
)

// subscribeAndUpdate runs a connection until an update of it has arrived, and returns what the agent got.
func subscribeAndUpdate(t *testing.T, env agent.Environment, a *scripted) {
	t.Helper()
	arrived := make(chan struct{})
	a.subscribe = alwaysSubscribed
	a.update = func(int, *executor.Call) int { close(arrived); return http.StatusAccepted }
	outbox := newOutbox()
	f := start(t, env, nil, outbox, nil)
	f.expect(executor.Event_SUBSCRIBED)
	outbox.add(status(1, mesos.TASK_RUNNING))
	select {
	case <-arrived:
	case err := <-f.result:
		t.Fatalf("Run ended with %v", err)
	case <-time.After(time.Minute):
		t.Fatal("no update")
	}
	f.stop()
}

func TestRequestsOverTCP(t *testing.T) {
	a := &scripted{}
	env := overTCP(t, a)
	env.AuthenticationToken = "header.claims.signature"
	subscribeAndUpdate(t, env, a)
	if len(a.requests) != 2 {
		t.Fatalf("%d requests", len(a.requests))
	}
	for _, r := range a.requests {
		if r.Method != http.MethodPost || r.RequestURI != "/slave(1)/api/v1/executor" || r.Host != env.AgentEndpoint {
			t.Errorf("%s %s at %s", r.Method, r.RequestURI, r.Host)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf",
			"Authorization": "Bearer header.claims.signature", "Accept-Encoding": "", "Cookie": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
	if a.requests[0].RemoteAddr == a.requests[1].RemoteAddr {
		t.Error("the update came over the connection of the event stream")
	}
}

func TestPathWithoutAgentProcess(t *testing.T) {
	a := &scripted{}
	env := overTCP(t, a)
	env.AgentProcess = ""
	subscribeAndUpdate(t, env, a)
	if got := a.requests[0].RequestURI; got != "/api/v1/executor" {
		t.Errorf("path %s", got)
	}
	if got := a.requests[0].Header.Values("Authorization"); len(got) != 0 {
		t.Errorf("Authorization %q without a token", got)
	}
}

func TestIPv6Agent(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 loopback: ", err)
	}
	a := &scripted{}
	server := httptest.NewUnstartedServer(a)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	env := environment()
	env.AgentEndpoint = l.Addr().String()
	subscribeAndUpdate(t, env, a)
}

func TestDomainSocket(t *testing.T) {
	for name, path := range map[string]string{
		"short":           "agent.sock",
		"the longest":     strings.Repeat("d", 20) + "/agent.sock",
		"beyond sun_path": strings.Repeat("d", 120) + "/agent.sock",
	} {
		t.Run(name, func(t *testing.T) {
			base, err := os.MkdirTemp("", "v1")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(base) })
			if name == "the longest" {
				path = strings.Repeat("d", maxSocketPath-1-len(base)-len("//agent.sock")) + "/agent.sock"
			}
			path = filepath.Join(base, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			// Listening takes the same detour as dialling.
			directory, err := os.Open(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			defer directory.Close()
			l, err := net.Listen("unix", filepath.Join("/proc/self/fd", fdName(directory), filepath.Base(path)))
			if err != nil {
				t.Fatal(err)
			}
			a := &scripted{}
			server := httptest.NewUnstartedServer(a)
			server.Listener.Close()
			server.Listener = l
			server.Start()
			t.Cleanup(server.Close)
			env := environment()
			env.DomainSocket = path
			env.AgentEndpoint = "192.0.2.1:1" // not to be asked
			env.TLS.Enabled = true            // not over a domain socket
			subscribeAndUpdate(t, env, a)
			if got := a.requests[0].RequestURI; got != "/slave(1)/api/v1/executor" {
				t.Errorf("path %s, the socket serves /slave(1)/api/v1/executor only", got)
			}
		})
	}
}

func TestDomainSocketThatCannotBeDialled(t *testing.T) {
	for path, words := range map[string]string{
		"/nonexistent/agent.sock":                              "no such file",
		"/nonexistent/" + strings.Repeat("d", 200) + "/a.sock": "too long to be dialled",
		t.TempDir() + "/" + strings.Repeat("s", 120):           "MESOS_DOMAIN_SOCKET needs a shorter file name",
	} {
		conn, err := dialSocket(path)(context.Background(), "tcp", "ignored:1")
		if err == nil {
			conn.Close()
			t.Errorf("%s: connected", path)
		} else if !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %q, want %q in it", path, err, words)
		}
	}
}

// A proxy of the task's environment must not see the agent's traffic, nor a redirect lead the token elsewhere.
func TestNoProxyNoRedirectNoCookie(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s went elsewhere with %v", r.URL, r.Header)
	}))
	t.Cleanup(elsewhere.Close)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, elsewhere.URL)
	}
	t.Setenv("NO_PROXY", "")
	for _, code := range []int{http.StatusTemporaryRedirect, http.StatusSeeOther} {
		testNoProxyNoRedirectNoCookie(t, elsewhere.URL, code)
	}
}

func testNoProxyNoRedirectNoCookie(t *testing.T, elsewhere string, code int) {
	a := &scripted{subscribe: func(n int, _ *executor.Call, s *serverStream) {
		if n == 1 {
			http.SetCookie(s.w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
			s.refuse(http.StatusServiceUnavailable, "later")
			return
		}
		s.w.Header().Set("Location", elsewhere)
		s.refuse(code, "there")
	}}
	env := overTCP(t, a)
	env.AuthenticationToken = "secret"
	// The proxy variables have no effect on loopback addresses, so the agent has a name.
	real := env.AgentEndpoint
	env.AgentEndpoint = "agent.example:5051"
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "agent.example:5051" {
			t.Errorf("dialled %s", address)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, real)
	}
	start(t, env, dial, newOutbox(), nil).fails(strconv.Itoa(code))
	for _, r := range a.requests {
		if r.Header.Get("Cookie") != "" {
			t.Error("a cookie was kept")
		}
	}
}

// The token appears nowhere but in the header: not in logs, not in errors, not even if the agent repeats it.
func TestTokenIsNeverShown(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.signature"
	synctest.Test(t, func(t *testing.T) {
		var n network
		defer n.serve(&scripted{
			subscribe: func(i int, call *executor.Call, s *serverStream) {
				switch i {
				case 1:
					s.refuse(http.StatusServiceUnavailable, "busy with "+token)
				case 2:
					alwaysSubscribed(i, call, s)
				default:
					s.refuse(http.StatusUnauthorized, "cannot verify "+token)
				}
			},
			update: func(int, *executor.Call) int { return http.StatusForbidden },
		})()
		var written strings.Builder
		encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
		logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&written), zap.DebugLevel))
		env := environment()
		env.AuthenticationToken = token
		logger.Debug("environment", zap.Any("environment", env))
		outbox := newOutbox()
		f := start(t, env, n.dial, outbox, logger)
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(status(1, mesos.TASK_RUNNING))
		err := f.fails("401", "cannot verify [redacted]")
		if strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("error %q", err)
		}
		if strings.Contains(written.String(), "c2VjcmV0") {
			t.Errorf("logged %s", written.String())
		}
		if !strings.Contains(written.String(), "busy with [redacted]") {
			t.Errorf("the agent's text is missing in %s", written.String())
		}
	})
}
