package container

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
)

// An Engine that lives removes the cgroup of a start that it has refused, though perhaps after the process. One that stays may be of a
// program that has run.
func TestStartWhoseCgroupGoesLate(t *testing.T) {
	for name, goesAt := range map[string]int32{"before the first look": 1, "before the second": 2, "never": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var random [32]byte // of its own: the host's control groups are shared with other runs, and one that was killed leaves some
			_, _ = rand.Read(random[:])
			id := hex.EncodeToString(random[:])
			cgroup := environment.Cgroup(t, id)
			var starts, looks atomic.Int32
			c := New(Options{Name: "x", Owner: closing{}, Late: new(LateRemovals), Logger: zap.NewNop(), Losses: func() int { return 0 },
				Engine: refusingOnce(t, id, &starts, func() string {
					if looks.Add(1) == goesAt {
						if err := os.Remove(cgroup); err != nil {
							t.Error(err)
						}
					}
					return fmt.Sprintf(`{"Id": %q, "Name": "/x", "State": {"Status": "created"}, "Config": {}}`, id)
				})})
			spec := Spec{Config: &container.Config{}, HostConfig: &container.HostConfig{NetworkMode: "none"}}
			if _, err := c.Create(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			err := c.Start(t.Context())
			if again := goesAt > 0; again != (err == nil && starts.Load() == 2) || !again && (!errors.Is(err, ErrMayHaveRun) || starts.Load() != 1) {
				t.Errorf("%d starts, %v", starts.Load(), err)
			}
		})
	}
}

// refusingOnce is an Engine with one container, which it says is as inspect has it. It refuses the first start, and does the others.
func refusingOnce(t *testing.T, id string, starts *atomic.Int32, inspect func() string) *engine.Client {
	t.Helper()
	return newAnswering(t, func(w http.ResponseWriter, r *http.Request) {
		switch _, verb, _ := strings.Cut(r.URL.Path, "/containers/"); verb {
		case "create":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"Id": %q}`, id)
		case "": // info: containerd is away, so that the time does not count
			fmt.Fprint(w, `{"ContainerdCommit": {"ID": "N/A"}}`)
		case id + "/start":
			if starts.Add(1) == 1 {
				http.Error(w, `{"message": "refused"}`, http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		default:
			fmt.Fprint(w, inspect())
		}
	})
}
