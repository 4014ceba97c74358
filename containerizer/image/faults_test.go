package image_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/image"
)

// What may pass is tried again, with the real Engine in between.
func TestRegistryRecovers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
	}{
		{"503", times(2, "manifests", status(http.StatusServiceUnavailable, "UNAVAILABLE"))},
		{"502 of a proxy", times(2, "manifests", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusBadGateway)
		})},
		{"connection cut", times(2, "manifests", cut)},
		{"429", times(3, "manifests", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1")
			answer(w, http.StatusTooManyRequests, "TOOMANYREQUESTS")
		})},
		{"429 for a blob", times(2, "blobs", status(http.StatusTooManyRequests, "TOOMANYREQUESTS"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newMemoryRegistry(t)
			r.fault = tt.fault
			if err := r.pull(t, image.Options{}); err != nil {
				t.Error(err)
			}
			if n := r.count("GET", r.layer); n != 1 && !strings.Contains(tt.name, "blob") {
				t.Errorf("layer was downloaded %d times", n)
			}
		})
	}
}

// What will not pass is not tried again: a refusal is the registry's answer.
func TestRegistryRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		kind  image.Kind
		parts []string
	}{
		{"401", times(always, "manifests", status(http.StatusUnauthorized, "UNAUTHORIZED")), image.Denied, []string{"without credentials"}},
		{"403", times(always, "manifests", status(http.StatusForbidden, "DENIED")), image.Denied, []string{"without credentials"}},
		{"404", times(always, "manifests", status(http.StatusNotFound, "MANIFEST_UNKNOWN")), image.NotFound, []string{"not found"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newMemoryRegistry(t)
			r.fault = tt.fault
			err := r.pull(t, image.Options{})
			wantKind(t, err, tt.kind, append(tt.parts, r.ref())...)
			if failed, _ := errors.AsType[*image.Error](err); failed == nil || failed.Tries != 1 {
				t.Errorf("%+v", failed)
			}
		})
	}
}

// A registry that fails for good is given up, and the task is told how often it was asked. So is what answers in its place.
func TestRegistryStaysAway(t *testing.T) {
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"an error": status(http.StatusInternalServerError, "UNKNOWN"),
		"a page of a gateway": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", manifestType)
			_, _ = w.Write([]byte("<html>please log in</html>"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newMemoryRegistry(t)
			r.fault = times(always, "manifests", fault)
			wantKind(t, r.pull(t, image.Options{}), image.Unreachable, "after 6 tries", r.ref())
		})
	}
}

// What a stalled download had come to is said. (The Engine lets go of the connection when it likes.)
func TestStallInALayer(t *testing.T) {
	t.Parallel()
	r := newMemoryRegistry(t)
	r.fault = func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, r.layer) {
			return false
		}
		content := r.blobs[r.layer]
		w.Header().Set("Content-Length", itoa(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		w.(http.Flusher).Flush()
		<-q.Context().Done()
		return true
	}
	started := time.Now()
	err := r.pull(t, image.Options{InactivityTimeout: 2 * time.Second})
	wantKind(t, err, image.TimedOut, "no progress for 2s", "0 of 1 layers", " of 3.1")
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// A layer that trickles is alive, however long it takes.
func TestSlowDrip(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	r := newMemoryRegistry(t)
	r.fault = func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, r.layer) {
			return false
		}
		content := r.blobs[r.layer]
		w.Header().Set("Content-Length", itoa(len(content)))
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for len(content) > 0 {
			n := min(len(content), someLayer/40)
			_, _ = w.Write(content[:n])
			w.(http.Flusher).Flush()
			content = content[n:]
			<-tick.C
		}
		return true
	}
	started := time.Now()
	if err := r.pull(t, image.Options{InactivityTimeout: limit}); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took < limit {
		t.Errorf("took %v: nothing was slow", took)
	}
}

// An Engine that gets half a layer asks again by itself.
func TestTruncatedLayer(t *testing.T) {
	t.Parallel()
	r := newMemoryRegistry(t)
	truncate := times(1, "blobs", func(w http.ResponseWriter, _ *http.Request) {
		content := r.blobs[r.layer]
		w.Header().Set("Content-Length", itoa(len(content)))
		_, _ = w.Write(content[:len(content)/2])
	})
	r.fault = func(w http.ResponseWriter, q *http.Request) bool {
		return strings.HasSuffix(q.URL.Path, r.layer) && truncate(w, q)
	}
	if err := r.pull(t, image.Options{}); err != nil {
		t.Error(err)
	}
	if n := r.count("GET", r.layer); n != 2 {
		t.Errorf("layer was asked for %d times", n)
	}
}

// What is not as the manifest says is not kept, and not asked for again and again.
func TestBlobOfAnotherContent(t *testing.T) {
	for _, name := range []string{"layer", "configuration"} {
		t.Run(name, func(t *testing.T) {
			r := newMemoryRegistry(t)
			r.fault = func(w http.ResponseWriter, q *http.Request) bool {
				digest := path.Base(q.URL.Path)
				if r.blobs[digest] == nil || (digest == r.layer) != (name == "layer") {
					return false
				}
				_, _ = w.Write(r.blobs[digest][1:])
				_, _ = w.Write([]byte("x"))
				return true
			}
			err := r.pull(t, image.Options{})
			wantKind(t, err, image.Other, "digest", r.ref())
			if failed, _ := errors.AsType[*image.Error](err); failed == nil || failed.Tries != 1 {
				t.Errorf("%+v", failed)
			}
			if n := r.count("GET", r.layer); n > 1 {
				t.Errorf("layer was asked for %d times", n)
			}
		})
	}
}

// Registries keep their layers elsewhere.
func TestRedirectedLayer(t *testing.T) {
	r := newMemoryRegistry(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = w.Write(r.blobs[strings.TrimPrefix(q.URL.Path, "/")])
	}))
	defer elsewhere.Close()
	r.fault = times(always, "blobs", func(w http.ResponseWriter, q *http.Request) {
		parts := strings.Split(q.URL.Path, "/")
		http.Redirect(w, q, elsewhere.URL+"/"+parts[len(parts)-1], http.StatusTemporaryRedirect)
	})
	if err := r.pull(t, image.Options{}); err != nil {
		t.Error(err)
	}
}

func TestRedirectLoop(t *testing.T) {
	r := newMemoryRegistry(t)
	r.fault = times(always, "manifests", func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, q.URL.Path, http.StatusTemporaryRedirect)
	})
	wantKind(t, r.pull(t, image.Options{}), image.Unreachable, "redirects")
}

func TestImageOfAnotherPlatform(t *testing.T) {
	r := newMemoryRegistry(t)
	only := r.makeImage("s390x")
	list, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
		"manifests": []any{map[string]any{
			"mediaType": manifestType, "size": len(only), "digest": digestOf(only),
			"platform": map[string]any{"architecture": "s390x", "os": "linux"},
		}},
	})
	r.manifests["v1"] = list
	r.manifests[digestOf(list)] = list
	wantKind(t, r.pull(t, image.Options{}), image.WrongPlatform, r.ref(), "linux/s390x")
}

func TestHostThatDoesNotExist(t *testing.T) {
	r := newMemoryRegistry(t)
	err := pullError(t, r.puller(t, image.Options{}), "registry.invalid/app")
	failed, ok := errors.AsType[*image.Error](err)
	// On a machine without a name server nobody can tell that there is no such name.
	if !ok || failed.Kind != image.UnknownHost && failed.Kind != image.Unreachable {
		t.Errorf("%v", err)
	}
}

// A forced pull in an outage gives the image that is present, and says so.
func TestCachedImageInAnOutage(t *testing.T) {
	r := newMemoryRegistry(t)
	if err := r.pull(t, image.Options{}); err != nil {
		t.Fatal(err)
	}
	r.fault = times(always, "manifests", cut)
	request := image.Request{Reference: r.ref(), Force: true}
	note, err := r.puller(t, image.Options{Fallback: image.FallbackCached}).Pull(t.Context(), request)
	if err != nil || !strings.Contains(note, r.ref()) || !strings.Contains(note, "sha256:") {
		t.Errorf("note %q, %v", note, err)
	}
	_, err = r.puller(t, image.Options{}).Pull(t.Context(), request)
	wantKind(t, err, image.Unreachable)
}
