package dockercli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// An Engine that drops the question for the exit status is asked again, and no output is lost or doubled.
func TestRunOutlivesALostWait(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

// A host port that is taken is docker's failure, however often the start is made: Engine 29 does a second one, without the port.
func TestRunWithATakenHostPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d, b := newRunner(t)
	name := b.named()
	got := answer(t.Context(), d, "run", "--name", name, "-p", taken.Addr().String()+":80", b.image, "true")
	if got.Status != statusUsage || !strings.HasPrefix(got.Stderr, "docker: ") || got.Stdout != "" {
		t.Errorf("%+v", got)
	}
	if c, err := b.api.ContainerInspect(t.Context(), name); err != nil || c.State.Status != "created" {
		t.Errorf("%+v, %v", c.State, err)
	}
}

// A run that waits for nothing is that for the next daemon, too, whenever its own was lost, and prints its container's id once.
func TestDetachedRunOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	for when, fault := range map[string]fakeengine.Kind{"before the start": fakeengine.Break, "after the start": fakeengine.LoseAnswer} {
		proxy := fakeengine.New(t, environment.Socket(t))
		d, b := newRunner(t, func(o *Options) { o.Engine = engineAt(t, proxy.Socket) })
		proxy.Fault(fault, http.MethodPost, `/containers/.*/start`, 1000)
		proxy.Fault(fakeengine.Break, http.MethodGet, `/containers/.*/json`, 1000) // so that the daemon does not know what became of it
		var stdout, stderr bytes.Buffer
		client := newRunClient(&stdout, &stderr)
		ctx, cancel := context.WithCancel(t.Context())
		name := b.named()
		call := Call{
			Arguments: []string{"run", "-d", "--name", name, b.image, "sleep", "1000"}, ID: rand.Text(), Client: client,
			Stdout: awaited{ctx, &stdout}, Stderr: awaited{ctx, &stderr},
		}
		lost := make(chan int)
		go func() { lost <- d.Answer(ctx, call) }()
		environment.Eventually(t, time.Minute, "the start", func() bool {
			return proxy.Count(http.MethodPost, `/containers/.*/start`) > 0 && (fault == fakeengine.Break || b.state(name) == "running")
		})
		cancel()
		<-lost
		proxy.Mend()
		known := client.container
		call.Again, call.Stdout, call.Stderr = &protocol.Again{Container: &known}, &stdout, &stderr
		limited, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		status := d.Answer(limited, call)
		if status != statusOK || stdout.String() != known.ID+"\n" || stderr.Len() > 0 || client.outputs > 0 || b.state(known.ID) != "running" {
			t.Errorf("%s: status %d, %q, %q, %d streams, the container is %s", when, status, &stdout, &stderr, client.outputs, b.state(known.ID))
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

// An Engine that dies of a start is not asked without a pause.
func TestRunAsksForAStartAtIntervals(t *testing.T) {
	t.Parallel()
	proxy := fakeengine.New(t, environment.Socket(t))
	d, b := newRunner(t, func(o *Options) { o.Engine = engineAt(t, proxy.Socket) })
	const deaths = 4
	proxy.Fault(fakeengine.Break, http.MethodPost, `/containers/.*/start`, deaths)
	began := time.Now()
	got := answer(t.Context(), d, "run", "--name", b.named(), b.image, "true")
	if took := time.Since(began); got != (result{}) || took < deaths*answerInterval {
		t.Errorf("%+v after %v", got, took)
	}
}

// A signal that came while the container was being started, too late to be handed on, leaves none that runs.
func TestSignalDuringTheStart(t *testing.T) {
	t.Parallel()
	d, b := newRunner(t)
	name := b.named()
	id := b.run(name, "sleep 1000")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&signalled{syscall.SIGTERM})
	r := &running{Docker: d, call: Call{Client: newRunClient(io.Discard, io.Discard)}}
	r.own(protocol.Container{ID: id, Name: name, SigProxy: true})
	started, err := r.container.FindByID(t.Context(), id) // no call's, as the run has none
	if err != nil {
		t.Fatal(err)
	}
	err = r.carryOut(ctx, started)
	if status, ok := errors.AsType[*statusError](err); !ok || status.status != 128+int(syscall.SIGTERM) || b.state(name) != "absent" {
		t.Errorf("%v, the container is %s", err, b.state(name))
	}
}
