package dockercli

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// impatience stands for answerLimit, for tests to be short.
const impatience = 2 * time.Second

// hungSlack is how much later than its limit a command may end on a loaded machine.
const hungSlack = 10 * time.Second

// An Engine that takes connections and answers nothing gives docker's kind of error, in time.
func TestHungEngine(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		limit     time.Duration
		stdout    string
	}{
		"ps":      {[]string{"ps", "-a"}, impatience, ""},
		"inspect": {[]string{"inspect", "--type=container", "mesos-x"}, impatience, "[]\n"},
		"kill":    {[]string{"kill", "mesos-x"}, 10 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := fakeengine.New(t, environment.Socket(t))
			d := newDocker(t, p.Socket)
			d.patience = impatience
			p.Fault(fakeengine.Hang, "GET", ".*/containers/.*", 1000)
			p.Fault(fakeengine.Hang, "POST", ".*/containers/.*", 1000)
			began := time.Now()
			got := answer(t.Context(), d, c.arguments...)
			if took := time.Since(began); took > c.limit+hungSlack {
				t.Errorf("took %v, want %v", took, c.limit)
			}
			if got.Status != 1 || got.Stdout != c.stdout || !strings.HasPrefix(got.Stderr, "error during connect: ") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Who asked and does not wait any more holds nothing up.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	p := fakeengine.New(t, environment.Socket(t))
	d := newDocker(t, p.Socket)
	p.Fault(fakeengine.Hang, "GET", ".*/containers/.*", 1000)
	p.Fault(fakeengine.Hang, "POST", ".*/containers/.*", 1000)
	p.Fault(fakeengine.Hang, "DELETE", ".*/containers/.*", 1000)
	for _, arguments := range [][]string{{"ps", "-a"}, {"inspect", "x"}, {"stop", "x"}, {"rm", "-f", "x"}, {"kill", "x"}, {"wait", "x"}} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		got := answer(ctx, d, arguments...)
		cancel()
		if took := time.Since(began); got.Status != 1 || took > hungSlack {
			t.Errorf("docker %q: %+v after %v", arguments, got, took)
		}
	}
}

// An agent that starts while the Engine is restarted waits for it instead of ending.
func TestEngineComesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := fakeengine.New(t, environment.Socket(t))
	d := newDocker(t, p.Socket)
	name := uniqueName()
	b.create(name, "true")
	p.Away()
	answers := make(chan result, 2)
	for _, arguments := range [][]string{{"ps", "-a"}, {"inspect", "--type=container", name}} {
		go func() { answers <- answer(context.Background(), d, arguments...) }()
	}
	if _, err := d.options.Engine.ListAll(t.Context(), true); err == nil {
		t.Error("the Engine is not away")
	}
	p.Back()
	for range 2 {
		if got := <-answers; got.Status != 0 || !strings.Contains(got.Stdout, name) {
			t.Errorf("%+v", got)
		}
	}
}

// What an agent was told of is inspected while the Engine hangs, too.
func TestListedContainerIsInspectedThoughTheEngineHangs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := fakeengine.New(t, environment.Socket(t))
	d := newDocker(t, p.Socket)
	name := uniqueName()
	id := b.run(name, "sleep 1000")
	d.patience = impatience
	if list := answer(t.Context(), d, "ps", "-a"); !strings.Contains(list.Stdout, name) {
		t.Fatalf("ps: %+v", list)
	}
	d.background.Wait()
	p.Fault(fakeengine.Hang, "GET", "/containers/.*/json", 1000)
	got := answer(t.Context(), d, "inspect", "--type=container", name)
	if c, err := parseAsAgent(got.Stdout); err != nil || c.ID != id || c.PID == 0 {
		t.Errorf("%+v; an agent reads %+v, %v", got, c, err)
	}
}

// The words for an Engine that is not there are docker's own.
func TestEngineIsNotThere(t *testing.T) {
	t.Parallel()
	path := realDocker(t)
	socket := filepath.Join(t.TempDir(), "absent.sock")
	d := newDocker(t, socket)
	d.patience = impatience
	for _, arguments := range [][]string{{"stop", "x"}, {"rm", "-f", "x"}, {"kill", "x"}, {"wait", "x"}, {"inspect", "x"}, {"ps", "-a"}} {
		t.Run(arguments[0], func(t *testing.T) {
			t.Parallel()
			want := runReal(t, path, "unix://"+socket, arguments...)
			if diff := cmp.Diff(want, answer(t.Context(), d, arguments...)); diff != "" {
				t.Errorf("docker's answer and ours:\n%s", diff)
			}
		})
	}
}

// A lost answer is an error, whatever the Engine did.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := fakeengine.New(t, environment.Socket(t))
	d := newDocker(t, p.Socket)
	said := regexp.MustCompile(`^error during connect: (stop|remove) container "mesos-.*": no answer from the Docker Engine at .*\n$`)
	name := uniqueName()
	b.run(name, "sleep 1000")
	for _, c := range []struct {
		method, path string
		arguments    []string
		state        string
	}{
		{"POST", "/containers/.*/stop", []string{"stop", "-t", "0", name}, "exited"},
		{"DELETE", "/containers/.*", []string{"rm", "-v", name}, "absent"},
	} {
		p.Fault(fakeengine.LoseAnswer, c.method, c.path, 1)
		if got := answer(t.Context(), d, c.arguments...); got.Status != 1 || got.Stdout != "" || !said.MatchString(got.Stderr) {
			t.Errorf("docker %q: %+v", c.arguments, got)
		}
		b.awaitState(name, c.state)
	}
	if got := answer(t.Context(), d, "rm", "-f", "-v", name); got.Status != 0 {
		t.Errorf("rm again: %+v", got)
	}
}

// Two that remove the same container both have what they want.
func TestRemovedByTwoAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	for range 5 {
		name := uniqueName()
		b.run(name, "sleep 1000")
		results := make(chan result, 2)
		for range 2 {
			go func() { results <- answer(context.Background(), d, "rm", "-f", "-v", name) }()
		}
		for range 2 {
			if got := <-results; got.Status != 0 {
				t.Errorf("%+v", got)
			}
		}
		if state := b.state(name); state != "absent" {
			t.Errorf("the container is %s", state)
		}
	}
}
