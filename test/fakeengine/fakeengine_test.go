package fakeengine

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const engineAnswer = `{"Answer":"of an Engine"}`

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
		io.WriteString(w, engineAnswer)
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

// A request is counted when it has come to its end: from then on it takes effect, whatever its caller does.
func TestCountedRequestTakesEffect(t *testing.T) {
	for _, kind := range []Kind{Hang, Late} {
		effect := make(chan string, 1)
		p := New(t, engine(t, func(r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			effect <- string(b)
		}))
		p.Fault(kind, http.MethodPost, "/containers/create", 1)
		body, rest := io.Pipe()
		ctx, leave := context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() {
			defer close(served)
			defer func() { _ = recover() }() // the recorder's connection cannot be broken
			p.serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/containers/create", body))
		}()
		if _, err := io.WriteString(rest, "{"); err != nil { // it is being read
			t.Fatal(err)
		}
		if n := p.Count(http.MethodPost, "/containers/create"); n != 0 {
			t.Errorf("half a request is counted %d times", n)
		}
		if _, err := io.WriteString(rest, "}"); err != nil {
			t.Fatal(err)
		}
		rest.Close()
		for p.Count(http.MethodPost, "/containers/create") == 0 {
			runtime.Gosched()
		}
		leave()
		p.Release()
		if got := <-effect; got != "{}" {
			t.Errorf("%q", got)
		}
		<-served
	}
}

// Half of an answer takes effect, and is not taken for a whole one; after Heal calls succeed.
func TestHalfAnAnswer(t *testing.T) {
	effects := 0
	p := New(t, engine(t, func(*http.Request) { effects++ }))
	p.Fault(Halve, http.MethodGet, "/info", 5)
	docker := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", p.Socket)
	}}}
	get := func() (string, error) {
		answer, err := docker.Get("http://engine/info")
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return string(body), err
	}
	if body, err := get(); err == nil || body != engineAnswer[:len(engineAnswer)/2] || effects != 1 {
		t.Errorf("%q, %v, %d effects", body, err, effects)
	}
	p.Heal()
	if body, err := get(); err != nil || body != engineAnswer {
		t.Errorf("healed: %q, %v", body, err)
	}
}
