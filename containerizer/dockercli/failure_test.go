package dockercli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer/container"
)

// What the Engine says has docker's words, and what this program says beside it stays.
func TestReasonBesideTheEngine(t *testing.T) {
	d := newDocker(t, filepath.Join(t.TempDir(), "absent"))
	silent := d.options.Engine.Ping(t.Context())
	got := d.explain(fmt.Errorf("%w: %w", container.ErrMayHaveRun, silent))
	for _, want := range []string{container.ErrMayHaveRun.Error() + ": ", "Cannot connect to the Docker daemon at unix://"} {
		if !strings.Contains(got.Error(), want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	if !errors.Is(got, container.ErrMayHaveRun) || !errors.Is(got, silent) {
		t.Errorf("%q cannot be unwrapped", got)
	}
}
