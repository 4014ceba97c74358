package container

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// For how long a call is repeated that the Engine refuses: for ten seconds, and while containerd is away for the owner's patience.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		commit   string
		patience time.Duration
		ago      time.Duration // the first refusal
		repeated bool
	}{
		"first":                             {"1.6", 0, 0, true},
		"for a while":                       {"1.6", 0, 9 * time.Second, true},
		"for good":                          {"1.6", 0, 11 * time.Second, false},
		"without a commit":                  {"", 0, 11 * time.Second, false},
		"containerd is away":                {"N/A", 0, 11 * time.Second, true},
		"containerd is away for too long":   {"N/A", time.Minute, 61 * time.Second, false},
		"containerd is away, within reason": {"N/A", time.Minute, 50 * time.Second, true},
		"an owner of little patience":       {"1.6", time.Second, 2 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := New(Options{Engine: refusing(t, test.commit), Logger: zap.NewNop(), Patience: test.patience})
			c.id = "x"
			failure := c.options.Engine.Start(t.Context(), c.id)
			if !engine.IsInternal(failure) {
				t.Fatalf("the start fails with %v", failure)
			}
			for cause, text := range map[error]string{
				failure: failure.Error(), errors.New("the reason"): failure.Error() + "; the first try: the reason",
			} {
				refused := refusals{Container: c}
				if test.ago > 0 {
					refused.cause, refused.first = cause, time.Now().Add(-test.ago)
					refused.since = refused.first
				}
				err := refused.pause(t.Context(), failure)
				if test.repeated && err != nil || !test.repeated && (!errors.Is(err, failure) || !engine.IsInternal(err) || err.Error() != text) {
					t.Errorf("%v, want %s; repeated is to be %t", err, text, test.repeated)
				}
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		c := New(Options{Engine: refusing(t, "1.6"), Logger: zap.NewNop()})
		c.Stop(StopOrder{})
		err := c.Insist(t.Context(), func(ctx context.Context) error { return c.options.Engine.Start(ctx, "x") })
		if !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}

// refusing is an Engine that fails at everything, and tells the version of containerd.
func refusing(t *testing.T, commit string) *engine.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("/v1.41/info", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"ContainerdCommit":{"ID":"` + commit + `"}}`))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"message":"made to fail"}`, http.StatusInternalServerError)
	})
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	e, err := engine.New(engine.Options{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}
