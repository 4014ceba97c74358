package image_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dockerimage "github.com/docker/docker/api/types/image"

	"mesos-docker-containerizer/containerizer/image"
)

var dockerRemove = dockerimage.RemoveOptions{Force: true}

// doublePuller is a Puller with the real client and an Engine that answers a pull as the test says and has no image.
func doublePuller(t *testing.T, inactivity time.Duration, pull http.HandlerFunc) *image.Puller {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/_ping":
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/images/create"):
			pull(w, r)
		case strings.Contains(r.URL.Path, "/distribution/"):
			_, _ = w.Write([]byte(`{"Descriptor":{"digest":"sha256:1"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"message":"No such image"}`))
		}
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p, err := image.New(image.Options{Engine: newEngine(t, socket), InactivityTimeout: inactivity})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const someProgress = `{"status":"Pulling from app","id":"v1"}
{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
{"status":"Downloading","progressDetail":{"current":700,"total":1000},"id":"a"}
`

func say(w http.ResponseWriter, text string) {
	_, _ = fmt.Fprint(w, text)
	w.(http.Flusher).Flush()
}

func TestFaultsOfTheEngine(t *testing.T) {
	cut := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}
	const far = "700B of 1kB"
	for _, tt := range []struct {
		name  string
		pull  http.HandlerFunc
		kind  image.Kind
		parts []string
	}{
		{"error in the stream", func(w http.ResponseWriter, _ *http.Request) {
			say(w, someProgress+`{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}`)
		}, image.DiskFull, []string{far, "no space left on device"}},
		{"error without a meaning", func(w http.ResponseWriter, _ *http.Request) {
			say(w, someProgress+`{"errorDetail":{"message":"words"},"error":"words"}`)
		}, image.Other, []string{far, "words"}},
		{"cut in the stream", func(w http.ResponseWriter, _ *http.Request) { say(w, someProgress); cut(w) },
			image.NoEngine, []string{far, "Docker Engine"}},
		{"cut at once", func(w http.ResponseWriter, _ *http.Request) { cut(w) }, image.NoEngine, nil},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { say(w, someProgress+"<html>") }, image.NoEngine, []string{far}},
		{"other JSON", func(w http.ResponseWriter, _ *http.Request) { say(w, someProgress+`{"status":7}`) }, image.NoEngine, []string{far}},
		{"ends well with nothing", func(http.ResponseWriter, *http.Request) {}, image.Other, []string{"does not have the image"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := doublePuller(t, time.Minute, tt.pull).Pull(t.Context(), image.Request{Reference: "example.com/app:v1"})
			wantKind(t, err, tt.kind, append(tt.parts, "example.com/app:v1")...)
		})
	}
}

// A hung Engine costs no more than the inactivity timeout, and is told to stop.
func TestHungPull(t *testing.T) {
	stopped := make(chan struct{})
	p := doublePuller(t, 100*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		say(w, someProgress)
		<-r.Context().Done()
		close(stopped)
	})
	_, err := p.Pull(t.Context(), image.Request{Reference: "app"})
	wantKind(t, err, image.TimedOut, "700B of 1kB", "no progress for 100ms")
	<-stopped
}

// The last waiter who leaves stops the pull on the Engine.
func TestAbandonedPull(t *testing.T) {
	stopped := make(chan struct{})
	p := doublePuller(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		say(w, someProgress)
		<-r.Context().Done()
		close(stopped)
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Pull(ctx, image.Request{Reference: "app", Progress: func(progress image.Progress) {
		if progress.BytesDone == 700 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "700B of 1kB") {
		t.Error(err)
	}
	<-stopped
}
