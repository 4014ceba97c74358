package fakeengine

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// An engine whose requests call effect before they are answered.
func engine(t *testing.T, effect func(*http.Request)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "real.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		effect(r)
		w.WriteHeader(http.StatusCreated)
	})}}
	server.Start()
	t.Cleanup(server.Close)
	return socket
}

// A request that hung takes effect whenever its caller goes: before the release, while the Engine works on it, or never.
func TestHangTakesEffect(t *testing.T) {
	const rounds = 50 // an Engine's answer and the caller's end race with each other
	for name, goes := range map[string]struct{ before, during bool }{"before": {before: true}, "during": {during: true}, "never": {}} {
		t.Run(name, func(t *testing.T) {
			for range rounds {
				ctx, leave := context.WithCancel(t.Context())
				var body string
				p := New(t, engine(t, func(r *http.Request) {
					if goes.during {
						leave()
					}
					b, err := io.ReadAll(r.Body)
					if body = string(b); err != nil {
						t.Error(err)
					}
				}))
				p.Fault(Hang, http.MethodPost, "/containers/create", 1)
				if goes.before {
					leave()
				}
				p.Release()
				answer := httptest.NewRecorder()
				p.serve(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1.41/containers/create", strings.NewReader("{}")))
				if answer.Code != http.StatusCreated || body != "{}" {
					t.Fatalf("answer %d, body %q", answer.Code, body)
				}
				leave()
			}
		})
	}
}
