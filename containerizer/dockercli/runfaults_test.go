package dockercli

import (
	"net/http"
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// An Engine that drops the question for the exit status is asked again, and no output is lost or doubled.
func TestRunOutlivesALostWait(t *testing.T) {
	for _, kind := range []fakeengine.Kind{fakeengine.Break, fakeengine.LoseAnswer} {
		proxy := fakeengine.New(t, environment.Socket(t))
		d, b := newRunner(t, func(o *Options) { o.Engine = engineAt(t, proxy.Socket) })
		proxy.Fault(kind, http.MethodPost, `/containers/.*/wait`, 2)
		got := answer(t.Context(), d, "run", "--name", b.named(), b.image, "/bin/sh", "-c", "echo one; sleep 1; echo two; exit 6")
		if got != (result{Status: 6, Stdout: "one\ntwo\n"}) || proxy.Count(http.MethodPost, `/containers/.*/wait`) < 3 {
			t.Errorf("fault %v: %+v", kind, got)
		}
	}
}

// What the Engine refuses, or does not answer, before there is a container that runs, is docker's failure.
func TestRunThatTheEngineRefuses(t *testing.T) {
	for _, path := range []string{`/containers/create`, `/containers/.*/attach`} {
		for _, kind := range []fakeengine.Kind{fakeengine.Fail, fakeengine.Break} {
			proxy := fakeengine.New(t, environment.Socket(t))
			d, b := newRunner(t, func(o *Options) { o.Engine = engineAt(t, proxy.Socket) })
			proxy.Fault(kind, http.MethodPost, path, 1000)
			got := answer(t.Context(), d, "run", "--name", b.named(), b.image, "true")
			if got.Status != statusUsage || !strings.HasPrefix(got.Stderr, "docker: ") || got.Stdout != "" {
				t.Errorf("%s, fault %v: %+v", path, kind, got)
			}
		}
	}
}

func engineAt(t *testing.T, socket string) *engine.Client {
	t.Helper()
	e, err := engine.New(engine.Options{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}
