package engine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/pkg/jsonmessage"
)

func pull(ctx context.Context, t *testing.T, handler http.HandlerFunc) (statuses []string, err error) {
	t.Helper()
	c := newClient(t, newDouble(t, "", engineOf("1.41", handler)).socket)
	err = c.Pull(ctx, "example.com/app:1", "", func(m jsonmessage.JSONMessage) {
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

func TestPullOfAMalformedReference(t *testing.T) {
	c := newClient(t, newDouble(t, "", engineOf("1.41", answerInspect)).socket)
	if err := c.Pull(t.Context(), "example.com/Upper", "", nil); !IsInvalid(err) {
		t.Error(err)
	}
}
