package engine

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// What a create lacks, of which the Engine tells only in words.
func TestWhatACreateLacks(t *testing.T) {
	for name, test := range map[string]struct {
		refusals int32 // of the create
		image    int   // the status of its inspect
		is       func(error) bool
	}{
		"nothing":                       {0, http.StatusOK, func(err error) bool { return err == nil }},
		"the image":                     {9, http.StatusNotFound, IsImageNotFound},
		"an image that has just come":   {1, http.StatusOK, func(err error) bool { return err == nil }},
		"something else":                {9, http.StatusOK, IsInvalid},
		"what the Engine does not tell": {9, http.StatusInternalServerError, IsUnavailable},
	} {
		var creates atomic.Int32
		d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/images/") && test.image != http.StatusOK:
				refuse(w, test.image, "no such image")
			case strings.Contains(r.URL.Path, "/images/"):
				_, _ = w.Write([]byte(`{"Id": "sha256:1"}`))
			case creates.Add(1) <= test.refusals:
				refuse(w, http.StatusNotFound, "no such thing")
			default:
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte(`{"Id": "c1"}`))
			}
		}))
		id, _, err := newClient(t, d.socket).Create(t.Context(), "c", &container.Config{Image: "app"}, &container.HostConfig{}, nil, nil)
		if !test.is(err) || (id == "c1") != (err == nil) {
			t.Errorf("%s: container %q, %v", name, id, err)
		}
	}
}
