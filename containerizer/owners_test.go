package containerizer

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sys/unix"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/transport/stdcopy"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
	"mesos-docker-containerizer/test/fakeengine"
)

// What becomes of a container when the Engine fails is decided in package container, and so is the same for its two owners: a task's
// session and the docker run of an agent. Each test here is run by both.

// outcome is how a container's owner sees its end.
type outcome struct {
	Ran    bool // it was started, and ended with Code
	Code   int
	Stdout string
}

// containerOwner is one of the two.
type containerOwner interface {
	begin(name, line string)           // in the background
	stop()                             // at once
	cut()                              // the stream of its output, as an Engine does that ends
	await() (got outcome, text string) // the end, and what a person reads about it
	release()                          // what is left of the container is removed
}

// owners runs a test with each owner, behind an Engine that fails.
func owners(t *testing.T, test func(t *testing.T, h *host, p *fakeengine.Proxy, o containerOwner)) {
	t.Helper()
	for name, make := range map[string]func(*host) containerOwner{"task": newTaskOwner, "run": newRunOwner} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			test(t, h, p, make(h))
		})
	}
}

// ownedName is the name of a container that agents do not take for theirs.
func ownedName() string { return "owned-" + strings.ToLower(rand.Text()[:12]) }

// streams collects what comes on a container's streams.
type streams struct {
	mu      sync.Mutex
	stdout  bytes.Buffer // guarded by mu
	files   []*os.File   // guarded by mu
	reading sync.WaitGroup
}

func (s *streams) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdout.Write(p)
}

// read reads a duplicate of the file to its end.
func (s *streams) read(t *testing.T, file *os.File, ended func(last time.Time)) {
	raw, err := file.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	fd := -1
	if err := raw.Control(func(open uintptr) { fd, err = unix.FcntlInt(open, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || fd < 0 {
		t.Errorf("duplicate the output: %v", err)
		return
	}
	own := os.NewFile(uintptr(fd), "output")
	s.mu.Lock()
	s.files = append(s.files, own)
	s.mu.Unlock()
	s.reading.Go(func() {
		defer own.Close()
		_ = stdcopy.Copy(own, false, s, io.Discard) // the stream of an Engine that is gone breaks
		ended(time.Now())
	})
}

// cut ends the streams that are read.
func (s *streams) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.Close()
	}
}

// text is what has come. The stream of a container that has run ends by itself.
func (s *streams) text(ran bool) string {
	if !ran {
		s.cut()
	}
	s.reading.Wait()
	return s.stdout.String()
}

// taskOwner is a task's session.
type taskOwner struct {
	h *host
	e *executor
	s streams
}

func newTaskOwner(h *host) containerOwner { return &taskOwner{h: h, e: h.newExecutor()} }

func (o *taskOwner) begin(name, line string) {
	o.e.conn.Close()
	o.e.attach.ContainerName, o.e.attach.Executor = name, name // another executor's session than that of newExecutor
	o.e.connect(o.h.socket)
	o.e.launch(dockerTask(o.h.t, environment.Busybox(o.h.t), line))
}

func (o *taskOwner) stop() { o.e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}}) }

func (o *taskOwner) await() (outcome, string) {
	for {
		m := o.e.next()
		if m.Output != nil {
			o.s.read(o.h.t, o.e.output, func(last time.Time) {
				_ = o.e.conn.Send(wire.Message{Resume: &wire.Resume{Since: last, Ended: last}}, nil)
			})
		}
		if m.Exited != nil {
			ran := m.Exited.Outcome == wire.OutcomeExited
			return outcome{Ran: ran, Code: m.Exited.Code, Stdout: o.s.text(ran)}, m.Exited.Message
		}
	}
}

func (o *taskOwner) cut() { o.s.cut() }

func (o *taskOwner) release() {
	o.e.done()
	o.h.awaitNoContainers()
}

// runOwner is the docker run of an agent.
type runOwner struct {
	h              *host
	docker         *dockercli.Docker
	name           string
	signals        chan syscall.Signal
	ends           chan protocol.OutputEnd
	s              streams
	stdout, stderr bytes.Buffer
	status         chan int
}

func newRunOwner(h *host) containerOwner {
	o := &runOwner{h: h, signals: make(chan syscall.Signal, 1), ends: make(chan protocol.OutputEnd, 1), status: make(chan int, 1)}
	o.docker = h.newDocker(func(*dockercli.Options) {})
	return o
}

func (o *runOwner) begin(name, line string) {
	o.name = name
	arguments := []string{"run", "--label", testimage.Label + "=", "--name", name, environment.Busybox(o.h.t), "/bin/sh", "-c", line}
	go func() {
		o.status <- o.docker.Answer(context.Background(), dockercli.Call{
			Arguments: arguments, Stdin: new(bytes.Buffer), Stdout: &o.stdout, Stderr: &o.stderr, Signals: o.signals, Client: o,
		})
	}()
}

func (o *runOwner) stop() { o.signals <- syscall.SIGTERM }

func (o *runOwner) await() (outcome, string) {
	status := <-o.status
	got := outcome{Ran: status != 125 && status != 128+int(syscall.SIGTERM)}
	got.Stdout = o.s.text(got.Ran)
	if got.Ran {
		got.Code = status
	}
	return got, o.stderr.String()
}

func (o *runOwner) cut() { o.s.cut() }

func (o *runOwner) release() {
	_ = o.h.docker.ContainerRemove(context.Background(), o.name, container.RemoveOptions{Force: true}) // it may be gone
}

func (o *runOwner) Created(protocol.Container) error { return nil }

func (o *runOwner) Output(_ protocol.Output, file *os.File) error {
	o.s.read(o.h.t, file, func(last time.Time) { o.ends <- protocol.OutputEnd{Last: last, Ended: last} })
	return nil
}

func (o *runOwner) OutputEnds() <-chan protocol.OutputEnd { return o.ends }

func (o *runOwner) SignalTaken(syscall.Signal) {}

// named tells how many containers have the name.
func (h *host) named(name string) int {
	h.t.Helper()
	list, err := h.docker.ContainerList(h.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(list)
}

// An answer that was lost leaves open whether the call took effect. The container runs once all the same, and all its output comes.
func TestOwnersLoseAnAnswer(t *testing.T) {
	const create, start, attach = `/containers/create`, `/containers/.*/start`, `/containers/.*/attach`
	for name, fault := range map[string]struct {
		kind         fakeengine.Kind
		method, path string
		n            int
	}{
		"create was done":      {fakeengine.LoseAnswer, http.MethodPost, create, 1},
		"create was not done":  {fakeengine.Break, http.MethodPost, create, 2},
		"start was done":       {fakeengine.LoseAnswer, http.MethodPost, start, 1},
		"start was not done":   {fakeengine.Break, http.MethodPost, start, 2},
		"attach was done":      {fakeengine.LoseAnswer, http.MethodPost, attach, 1},
		"attach was not done":  {fakeengine.Break, http.MethodPost, attach, 2},
		"inspect":              {fakeengine.Break, http.MethodGet, `/containers/.*/json`, 2},
		"inspect is answered":  {fakeengine.Fail, http.MethodGet, `/containers/.*/json`, 2},
		"the wait for the end": {fakeengine.Break, http.MethodPost, `/containers/.*/wait`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			owners(t, func(t *testing.T, h *host, p *fakeengine.Proxy, o containerOwner) {
				p.Fault(fault.kind, fault.method, fault.path, fault.n)
				name := ownedName()
				o.begin(name, "echo once; exit 5")
				if got, text := o.await(); got != (outcome{Ran: true, Code: 5, Stdout: "once\n"}) {
					t.Errorf("%+v, %q", got, text)
				}
				o.release()
			})
		})
	}
}

// An internal error of the Engine may pass, and may hide that it did what it was asked.
func TestOwnersAreRefusedOnce(t *testing.T) {
	const create, start, attach = `/containers/create`, `/containers/.*/start`, `/containers/.*/attach`
	for name, kinds := range map[string][3]fakeengine.Kind{
		"not done": {fakeengine.Fail, fakeengine.Fail, fakeengine.Fail},
		"done":     {fakeengine.FailDone, fakeengine.Fail, fakeengine.FailDone},
	} {
		t.Run(name, func(t *testing.T) {
			owners(t, func(t *testing.T, _ *host, p *fakeengine.Proxy, o containerOwner) {
				for i, path := range []string{create, attach, start} {
					p.Fault(kinds[i], http.MethodPost, path, 1)
				}
				o.begin(ownedName(), "echo once; exit 5")
				if got, text := o.await(); got != (outcome{Ran: true, Code: 5, Stdout: "once\n"}) {
					t.Errorf("%+v, %q", got, text)
				}
				o.release()
			})
		})
	}
}

// A start that was lost is not repeated without a pause.
func TestOwnersPauseBetweenStarts(t *testing.T) {
	owners(t, func(t *testing.T, _ *host, p *fakeengine.Proxy, o containerOwner) {
		const deaths = 3
		p.Fault(fakeengine.Break, http.MethodPost, `/containers/.*/start`, deaths)
		began := time.Now()
		o.begin(ownedName(), "exit 5")
		got, text := o.await()
		if took := time.Since(began); !got.Ran || took < deaths*ours.RetryInterval {
			t.Errorf("%+v, %q after %v", got, text, took)
		}
		o.release()
	})
}

// A create that hangs until its owner gives up leaves nothing: the container that appears later is removed.
func TestOwnersCreateTooLate(t *testing.T) {
	owners(t, func(t *testing.T, h *host, p *fakeengine.Proxy, o containerOwner) {
		p.Fault(fakeengine.Hang, http.MethodPost, `/containers/create`, 1)
		name := ownedName()
		o.begin(name, "exit 5")
		environment.Eventually(t, patience, "the create", func() bool { return p.Count(http.MethodPost, `/containers/create`) == 1 })
		o.stop()
		if got, text := o.await(); got != (outcome{}) {
			t.Errorf("%+v, %q", got, text)
		}
		p.Release()
		environment.Eventually(t, patience, "the container to be removed", func() bool { return p.Count(http.MethodDelete, `/containers/.*`) > 0 && h.named(name) == 0 })
		o.release()
	})
}

// A name that another container has is refused, and that container is left alone.
func TestOwnersFindTheirNameInUse(t *testing.T) {
	owners(t, func(t *testing.T, h *host, _ *fakeengine.Proxy, o containerOwner) {
		name := ownedName()
		other, err := h.docker.ContainerCreate(t.Context(), &container.Config{
			Image: environment.Busybox(t), Labels: map[string]string{testimage.Label: ""},
		}, nil, nil, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		defer h.docker.ContainerRemove(context.Background(), other.ID, container.RemoveOptions{Force: true})
		o.begin(name, "exit 5")
		got, text := o.await()
		if got != (outcome{}) {
			t.Errorf("%+v", got)
		}
		mustName(t, text, "in use by container", name, other.ID[:12])
		if found, err := h.docker.ContainerInspect(t.Context(), name); err != nil || found.ID != other.ID {
			t.Errorf("the other container: %v", err)
		}
		if task, ok := o.(*taskOwner); ok { // a run's container would be the other one here
			task.release()
		}
	})
}

// A container that is removed before its start was answered is not created again.
func TestOwnersContainerVanishes(t *testing.T) {
	owners(t, func(t *testing.T, h *host, p *fakeengine.Proxy, o containerOwner) {
		p.Fault(fakeengine.Break, http.MethodPost, `/containers/.*/start`, 1000)
		name := ownedName()
		o.begin(name, "exit 5")
		environment.Eventually(t, patience, "the start", func() bool { return p.Count(http.MethodPost, `/containers/.*/start`) > 0 })
		if err := h.docker.ContainerRemove(t.Context(), name, container.RemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		got, text := o.await()
		if got != (outcome{}) || p.Count(http.MethodPost, `/containers/create`) != 1 {
			t.Errorf("%+v, %d creates", got, p.Count(http.MethodPost, `/containers/create`))
		}
		mustName(t, text, ours.ErrVanished.Error())
		o.release()
	})
}

// An Engine that goes away while the container runs ends its output. When it is back that goes on from the log, without a gap; what
// is doubled was written shortly before.
func TestOwnersResumeOutput(t *testing.T) {
	owners(t, func(t *testing.T, h *host, p *fakeengine.Proxy, o containerOwner) {
		name := ownedName()
		o.begin(name, `for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.5; done; echo end; exit 5`)
		waited := make(chan struct{})
		var got outcome
		var text string
		go func() {
			defer close(waited)
			got, text = o.await()
		}()
		environment.Eventually(t, patience, "some output", func() bool {
			log, err := h.docker.ContainerLogs(t.Context(), name, container.LogsOptions{ShowStdout: true})
			if err != nil {
				return false
			}
			defer log.Close()
			text, err := io.ReadAll(log)
			return err == nil && bytes.Contains(text, []byte("2\n"))
		})
		p.Away()
		o.cut()
		p.Back()
		<-waited
		if !got.Ran || got.Code != 5 {
			t.Errorf("%+v, %q", got, text)
		}
		lines := strings.Fields(got.Stdout)
		seen := slices.Compact(slices.Sorted(slices.Values(lines)))
		if want := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "end"}; !slices.Equal(seen, want) {
			t.Errorf("lines %q", lines)
		}
		o.release()
	})
}
