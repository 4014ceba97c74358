package dockercli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	dockerimage "github.com/docker/docker/api/types/image"

	"mesos-docker-containerizer/test/dockerregistry"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// movedTag is an image whose tag is on the host as it was, and in the registry names another image by now, or none.
type movedTag struct {
	*dockerregistry.Registry
	t    *testing.T
	b    *bench
	ref  string
	work string // the agent's
}

func newMovedTag(t *testing.T, inRegistry bool) *movedTag {
	t.Helper()
	m := &movedTag{Registry: dockerregistry.New(t, dockerregistry.Options{}), t: t, b: newBench(t), work: t.TempDir()}
	m.ref = m.Address + "/executor:1"
	version := func(word string) string {
		return environment.Image(t, testimage.Spec{Cmd: []string{"echo", word}})
	}
	if inRegistry {
		m.Push(t, m.ref, version("new"))
	}
	stale := version("stale")
	if err := m.b.api.ImageTag(t.Context(), stale, m.ref); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = m.b.api.ImageRemove(context.Background(), m.ref, dockerimage.RemoveOptions{Force: true})
	})
	return m
}

// docker is a daemon for the agent, whose deferred pulls are noted in a directory.
func (m *movedTag) docker(notes string) *Docker {
	m.t.Helper()
	d, _ := newRunner(m.t, deferring, func(o *Options) { o.WorkDirectory, o.PullDirectory = m.work, notes })
	return d
}

var containers atomic.Int64

// executor is a new container of the agent's: its sandbox, and the arguments by which it is run.
func (m *movedTag) executor() (sandbox string, run []string) {
	m.t.Helper()
	id := "de22be34-6a8c-4f87-a93f-" + strings.Repeat("0", 10) + string("0123456789abcdef"[containers.Add(1)%16]) + "f"
	sandbox = filepath.Join(m.work, "slaves/S0/frameworks/F/executors/E/runs", id)
	if err := os.MkdirAll(sandbox, 0o755); err != nil {
		m.t.Fatal(err)
	}
	name := "mesos-" + id
	m.t.Cleanup(func() { m.b.remove(name) })
	return sandbox, []string{"run", "--net", "none", "-v", sandbox + ":/mnt/mesos/sandbox", "--name", name, m.ref}
}

func (m *movedTag) pull(d *Docker, home string) {
	m.t.Helper()
	if got := answerFrom(m.t.Context(), d, home, "pull", m.ref); got.Status != statusOK {
		m.t.Fatalf("pull: %+v", got)
	}
	checkAgentsImage(m.t, answer(m.t.Context(), d, "inspect", m.ref))
}

func (m *movedTag) mustPrint(got result, word string) {
	m.t.Helper()
	if got.Status != statusOK || got.Stdout != word+"\n" {
		m.t.Errorf("%+v, want the image that prints %q", got, word)
	}
}

func (m *movedTag) mustFail(got result, reason string) {
	m.t.Helper()
	if got.Status != statusUsage || got.Stdout != "" || !strings.Contains(got.Stderr, m.ref) || !strings.Contains(got.Stderr, reason) {
		m.t.Errorf("%+v, want the failure of the pull", got)
	}
}

const notFound = "not found"

// An executor whose agent has pulled runs what the registry has, not what the host had.
func TestRunUsesWhatItsAgentHasPulled(t *testing.T) {
	m := newMovedTag(t, true)
	d := m.docker("")
	sandbox, run := m.executor()
	m.pull(d, sandbox)
	m.mustPrint(answerFrom(t.Context(), d, sandbox, run...), "new")
}

// An executor whose agent's pull fails does not run the image that the host had, again and again.
func TestRunFailsWithThePullOfItsAgent(t *testing.T) {
	m := newMovedTag(t, false)
	d := m.docker("")
	for range 2 {
		sandbox, run := m.executor()
		m.pull(d, sandbox)
		m.mustFail(answerFrom(t.Context(), d, sandbox, run...), notFound)
	}
}

// So it is where the registry is down, once the pull has given up.
func TestRunFailsWithTheRegistry(t *testing.T) {
	t.Parallel()
	m := newMovedTag(t, true)
	m.Stop()
	d := m.docker("")
	sandbox, run := m.executor()
	m.pull(d, sandbox)
	m.mustFail(answerFrom(t.Context(), d, sandbox, run...), "cannot be reached")
}

// Of executors with one image, the one that forces it has the outcome of its pull, and those before and after run what is there. So
// it is where the agent pulls with its docker_config, from a directory that bears no container's id.
func TestOutcomeIsOfTheExecutorThatForcedThePull(t *testing.T) {
	m := newMovedTag(t, false)
	d := m.docker("")
	for _, ofAgent := range []bool{false, true} {
		before, unforced := m.executor()
		m.mustPrint(answerFrom(t.Context(), d, before, unforced...), "stale")
		sandbox, forced := m.executor()
		home := sandbox
		if ofAgent {
			home = filepath.Join(t.TempDir(), "made")
			if err := os.Mkdir(home, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		m.pull(d, home)
		m.mustFail(answerFrom(t.Context(), d, sandbox, forced...), notFound)
		after, unforced := m.executor()
		m.mustPrint(answerFrom(t.Context(), d, after, unforced...), "stale")
	}
}

// A command task whose agent pulls the same image changes nothing for an executor that has not asked for a pull.
func TestRunBesideACommandTask(t *testing.T) {
	m := newMovedTag(t, false)
	d := m.docker("")
	task, _ := m.executor()
	m.pull(d, task)
	sandbox, run := m.executor()
	m.mustPrint(answerFrom(t.Context(), d, sandbox, run...), "stale")
}

// A daemon that starts between pull and run knows of the pull, whatever came of it before, until that has come to a good end.
func TestRunAfterARestartUsesWhatItsAgentHasPulled(t *testing.T) {
	for _, inRegistry := range []bool{true, false} {
		m, notes := newMovedTag(t, inRegistry), filepath.Join(t.TempDir(), "pulls")
		sandbox, run := m.executor()
		first := m.docker(notes)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the answer comes before anything is known
		if got := answerFrom(ctx, first, sandbox, "pull", m.ref); got.Status != statusOK {
			t.Fatalf("%+v", got)
		}
		first.Close()
		second := m.docker(notes)
		checkAgentsImage(t, answer(t.Context(), second, "inspect", m.ref))
		if got := answerFrom(t.Context(), second, sandbox, run...); inRegistry {
			m.mustPrint(got, "new")
		} else {
			m.mustFail(got, notFound)
		}
		second.Close()
		left, err := os.ReadDir(notes)
		if err != nil || (len(left) == 0) != inRegistry {
			t.Errorf("in the registry: %v; %d notes left, %v", inRegistry, len(left), err)
		}
	}
}

// A note that is out of date, or broken, is taken away; one that cannot be written makes the agent wait.
func TestNotesOfPulls(t *testing.T) {
	m, notes := newMovedTag(t, true), t.TempDir()
	for name, content := range map[string]string{"old.json": `{"Reference":"x","Until":"2020-01-01T00:00:00Z"}`, "broken.json": `{"Reference":`} {
		if err := os.WriteFile(filepath.Join(notes, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := m.docker(notes)
	if left, err := os.ReadDir(notes); err != nil || len(left) != 0 || d.deferred.has("x") {
		t.Errorf("%v left, %v", left, err)
	}
	file := filepath.Join(notes, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d = m.docker(file)
	got := answer(t.Context(), d, "pull", "-q", m.ref)
	if got.Status != statusOK || d.deferred.has(m.ref) {
		t.Errorf("%+v", got)
	}
}

func FuzzPullNotes(f *testing.F) {
	f.Add([]byte(`{"Reference":"app:1","Platform":{"os":"linux","architecture":"arm64"},"Sandbox":"/s","Until":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"Reference":`))
	f.Fuzz(func(t *testing.T, content []byte) {
		notes := pullNotes{t.TempDir()}
		if err := os.WriteFile(filepath.Join(notes.directory, "a.json"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := notes.read()
		if len(found) == 1 && notes.write(&found[0]) != nil || len(found) == 0 && err == nil {
			t.Errorf("%q: %+v, %v", content, found, err)
		}
	})
}
