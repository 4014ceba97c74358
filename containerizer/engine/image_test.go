package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/docker/docker/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func pull(ctx context.Context, t *testing.T, handler http.HandlerFunc) (statuses []string, err error) {
	t.Helper()
	c := newClient(t, newDouble(t, "", engineOf("1.41", handler)).socket)
	err = c.Pull(ctx, "example.com/app:1", "", nil, func(m jsonmessage.JSONMessage) {
		statuses = append(statuses, m.Status)
	})
	return statuses, err
}

func TestPullStream(t *testing.T) {
	const first = `{"status":"one"}` + "\n"
	for _, tt := range []struct {
		name, body string
		status     int
		is         func(error) bool
	}{
		{"whole", first, http.StatusOK, func(err error) bool { return err == nil }},
		{"error without a code", first + `{"errorDetail":{"message":"words"},"error":"words"}`, 200, errdefs.IsInternal},
		{"error with a code", first + `{"errorDetail":{"code":401,"message":"words"},"error":"words"}`, 200, errdefs.IsUnauthorized},
		{"garbage", first + `{"status":` + "\x00words", 200, IsUnavailable},
		{"cut", first + `{"status":"two`, 200, IsUnavailable},
		{"not found", `{"message":"words"}`, 404, IsImageNotFound},
	} {
		statuses, err := pull(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		})
		if !tt.is(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.status == http.StatusOK && strings.Join(statuses, ",") != "one" {
			t.Errorf("%s: messages %q", tt.name, statuses)
		}
		if err != nil && !IsUnavailable(err) && !strings.Contains(err.Error(), "words") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestPullIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	_, err := pull(ctx, t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"status":"one"}`))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		close(left)
	})
	if !errors.Is(err, context.Canceled) || IsUnavailable(err) {
		t.Error(err)
	}
	within(t, "end of the request", left)
}

func TestPullForAPlatform(t *testing.T) {
	asked := make(chan string, 2)
	c := newClient(t, newDouble(t, "", engineOf("1.41", func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("platform")
	})).socket)
	for _, tt := range []struct {
		platform *ocispec.Platform
		want     string
	}{
		{nil, ""},
		{&ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, "linux/arm/v7"},
	} {
		if err := c.Pull(t.Context(), "example.com/app:1", "", tt.platform, func(jsonmessage.JSONMessage) {}); err != nil {
			t.Fatal(err)
		}
		if got := <-asked; got != tt.want {
			t.Errorf("the Engine was asked for platform %q, want %q", got, tt.want)
		}
	}
}

func TestInspectImageForAPlatform(t *testing.T) {
	for _, tt := range []struct {
		name, version, have, want string
		found                     bool
		asked                     bool // the Engine is asked for the platform
	}{
		{"any", "1.41", "linux/amd64", "", true, false},
		{"the same", "1.41", "linux/amd64", "linux/amd64", true, false},
		{"another architecture", "1.41", "linux/amd64", "linux/arm64", false, false},
		{"another variant", "1.41", "linux/arm/v7", "linux/arm/v8", true, false}, // what runs on v8
		{"a newer variant", "1.41", "linux/arm/v8", "linux/arm/v6", false, false},
		{"an image without variant", "1.41", "linux/arm", "linux/arm/v6", true, false},
		{"normalised", "1.41", "linux/arm64/v8", "linux/arm64", true, false},
		{"an Engine that holds several", "1.49", "linux/arm64", "linux/arm64", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have := platforms.MustParse(tt.have)
			if strings.Count(tt.have, "/") == 1 { // parsing makes up variants
				have.Variant = ""
			}
			asked := make(chan bool, 1)
			c := newClient(t, newDouble(t, "", engineOf(tt.version, func(w http.ResponseWriter, r *http.Request) {
				asked <- r.URL.Query().Has("platform")
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"Id":"sha256:1","Os":%q,"Architecture":%q,"Variant":%q}`, have.OS, have.Architecture, have.Variant)
			})).socket)
			var want *ocispec.Platform
			if tt.want != "" {
				p := platforms.MustParse(tt.want)
				want = &p
			}
			_, err := c.InspectImage(t.Context(), "app", want)
			if (err == nil) != tt.found || !tt.found && !IsImageNotFound(err) {
				t.Errorf("error %v", err)
			}
			if <-asked != tt.asked {
				t.Errorf("asked for the platform: %v, want %v", !tt.asked, tt.asked)
			}
		})
	}
}

func TestPullOfAMalformedReference(t *testing.T) {
	c := newClient(t, newDouble(t, "", engineOf("1.41", answerInspect)).socket)
	if err := c.Pull(t.Context(), "example.com/Upper", "", nil, nil); !IsInvalid(err) {
		t.Error(err)
	}
}
