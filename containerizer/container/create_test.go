package container

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// The name of an abandoned container is used once that is gone, also if another removes it, or if the answer to the removal is lost.
func TestCreateUnderTheNameOfAnAbandonedContainer(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter) // to the first removal
		fails  bool
	}{
		"removed":                                {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, false},
		"being removed by another":               {func(w http.ResponseWriter) { http.Error(w, `{"message": "in progress"}`, http.StatusConflict) }, false},
		"an answer that is lost":                 {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, false},
		"a removal that the Engine may not make": {func(w http.ResponseWriter) { http.Error(w, `{"message": "no"}`, http.StatusForbidden) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var removals atomic.Int32
			e := newAnswering(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodDelete && removals.Add(1) == 1:
					test.answer(w)
				case r.Method == http.MethodDelete:
					w.WriteHeader(http.StatusNoContent)
				case strings.HasSuffix(r.URL.Path, "/create") && removals.Load() == 0:
					http.Error(w, `{"message": "the name is in use"}`, http.StatusConflict)
				case strings.HasSuffix(r.URL.Path, "/create"):
					w.WriteHeader(http.StatusCreated)
					fmt.Fprint(w, `{"Id": "new"}`)
				default:
					fmt.Fprint(w, `{"Id": "old", "Name": "/x", "State": {"Status": "exited"}, "Config": {}}`)
				}
			})
			c := New(Options{
				Engine: e, Owner: owningNothing{}, Name: "x", Late: NewLateRemovals(e, new(RemovalHold), zap.NewNop()), Logger: zap.NewNop(),
				Abandoned: func(*engine.Container) bool { return true },
			})
			_, err := c.Create(t.Context(), Spec{Config: &container.Config{}, HostConfig: &container.HostConfig{}})
			if (err != nil) != test.fails || err == nil && c.ID() != "new" {
				t.Errorf("container %q, %v", c.ID(), err)
			}
		})
	}
}

// owningNothing is an owner without a container.
type owningNothing struct{ closing }

func (owningNothing) Owns(string, map[string]string) bool { return false }
