package setup

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
)

func TestMain(m *testing.M) {
	_ = flag.Set("rapid.checks", "25") // each writes to the disk some twenty times
	goleak.VerifyTestMain(m)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// host is a file tree with Mesos and our programs installed.
func host(t *testing.T) Options {
	t.Helper()
	root, err := os.MkdirTemp("", "setup-")
	must(t, err, os.Chmod(root, 0o755))
	t.Cleanup(func() { os.RemoveAll(root) })
	for _, path := range []string{"stock/mesos-docker-executor", "stock/mesos-executor", "stock/mesos-tcp-connect", "ours/executor", "ours/docker"} {
		path = filepath.Join(root, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\nread forever\n"), 0o755))
	}
	must(t, os.Mkdir(filepath.Join(root, "mesos-slave"), 0o755))
	return Options{
		Overlay: overlay.Overlay{
			Path: filepath.Join(root, "overlay"), Stock: filepath.Join(root, "stock"),
			Executor: filepath.Join(root, "ours", "executor"), Docker: filepath.Join(root, "ours", "docker"),
		},
		Directory: filepath.Join(root, "mesos-slave"),
	}
}

func (o Options) path(name string) string { return filepath.Join(o.Directory, name) }

func put(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode))
}

// tree is everything in the directory of the agent's files, as it can be seen.
func tree(t *testing.T, directory string) map[string]file {
	t.Helper()
	entries, err := os.ReadDir(directory)
	must(t, err)
	all := map[string]file{}
	for _, e := range entries {
		f, err := read(filepath.Join(directory, e.Name()))
		must(t, err)
		all[e.Name()] = f
	}
	return all
}

func setUp(t *testing.T, o Options) *Plan {
	t.Helper()
	plan, err := Prepare(o)
	must(t, err)
	must(t, plan.MakeOverlay(), plan.WriteFiles())
	return plan
}

func undo(t *testing.T, o Options) Report {
	t.Helper()
	report, err := Undo(t.Context(), UndoOptions{Overlay: o.Overlay.Path, Sources: []Source{tasks()}})
	must(t, err)
	return report
}

func value(t *testing.T, o Options, name string) string {
	t.Helper()
	f, err := read(o.path(name))
	must(t, err)
	return f.value()
}

func TestSetupAndUndo(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, o Options){
		"no files": func(*testing.T, Options) {},
		"files of the admin's": func(t *testing.T, o Options) {
			put(t, o.path("launcher_dir"), "/usr/libexec/mesos\n\n", 0o640)
			put(t, o.path("docker"), "/usr/local/bin/docker", 0o600)
			put(t, o.path("containerizers"), "mesos\n", 0o644)
			put(t, o.path("docker_remove_delay"), "1hrs", 0o644)
			put(t, o.path("?no-switch_user"), "", 0o644)
		},
		"links": func(t *testing.T, o Options) {
			elsewhere := filepath.Join(filepath.Dir(o.Directory), "elsewhere")
			put(t, elsewhere, "mesos", 0o644)
			must(t, os.Symlink("../elsewhere", o.path("containerizers")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := host(t)
			prepare(t, o)
			before := tree(t, o.Directory)
			if plan := setUp(t, o); len(plan.Files) != 3 || len(plan.Links) != 4 {
				t.Errorf("files %v, links %v", plan.Files, plan.Links)
			}
			if got := value(t, o, "launcher_dir"); got != o.Overlay.Path {
				t.Errorf("launcher_dir %s", got)
			}
			if got := value(t, o, "docker"); got != o.Overlay.Path+"/docker" {
				t.Errorf("docker %s", got)
			}
			if got := value(t, o, "containerizers"); got != "docker,mesos" {
				t.Errorf("containerizers %s", got)
			}
			if plan := setUp(t, o); len(plan.Files)+len(plan.Links) != 0 {
				t.Errorf("a second time: files %v, links %v", plan.Files, plan.Links)
			}
			if report := undo(t, o); len(report.Lines) != 4 {
				t.Errorf("%q", report.Lines)
			}
			if diff := cmp.Diff(before, tree(t, o.Directory)); diff != "" {
				t.Error(diff)
			}
			if _, err := os.Stat(o.Overlay.Path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the overlay is left: %v", err)
			}
			if _, err := Undo(t.Context(), UndoOptions{Overlay: o.Overlay.Path}); !errors.Is(err, ErrNothingToUndo) {
				t.Errorf("a second undo: %v", err)
			}
		})
	}
}

// Whatever an admin does between setups, undo leads back to what was there before, or leaves the admin's own word.
func TestUndoProperty(t *testing.T) {
	o := host(t)
	rapid.Check(t, func(r *rapid.T) {
		names := []string{"launcher_dir", "docker", "containerizers"}
		random := func() {
			name := rapid.SampledFrom(names).Draw(r, "name")
			if rapid.Bool().Draw(r, "remove") {
				_ = os.Remove(o.path(name))
				return
			}
			put(t, o.path(name), rapid.SampledFrom([]string{"mesos", "docker,mesos", "/a\n", ""}).Draw(r, "content"), rapid.SampledFrom([]fs.FileMode{0o600, 0o644}).Draw(r, "mode"))
		}
		for range rapid.IntRange(0, 4).Draw(r, "files") {
			random()
		}
		want := tree(t, o.Directory) // what each file should be after the undo
		for range rapid.IntRange(1, 3).Draw(r, "setups") {
			setUp(t, o)
			for range rapid.IntRange(0, 2).Draw(r, "changes") {
				was := tree(t, o.Directory)
				random()
				for _, name := range names {
					if now := tree(t, o.Directory); !cmp.Equal(was[name], now[name]) {
						want[name] = now[name]
						if _, there := now[name]; !there {
							delete(want, name)
						}
					}
				}
			}
		}
		undo(t, o)
		if diff := cmp.Diff(want, tree(t, o.Directory)); diff != "" {
			r.Error(diff)
		}
		for _, name := range names {
			_ = os.Remove(o.path(name))
		}
	})
}

func TestContainerizers(t *testing.T) {
	for name, c := range map[string]struct {
		file, live, defaults string
		want                 string // the file afterwards
	}{
		"nothing is set":        {"", "", "", "docker,mesos"},
		"others are kept":       {"mesos,external", "", "", "docker,mesos,external"},
		"docker is there":       {"mesos, docker", "mesos", "", "mesos, docker"},
		"docker alone":          {"docker", "", "", "docker"},
		"the file counts first": {"external", "docker,mesos", "docker,mesos", "docker,external"},
		"a running agent":       {"", "mesos", "docker,mesos", "docker,mesos"},
		"it has docker":         {"", "docker,mesos", "", ""},
		"defaults":              {"", "", "mesos,external", "docker,mesos,external"},
		"defaults have docker":  {"", "", "docker,mesos", ""},
	} {
		o := host(t)
		if c.file != "" {
			put(t, o.path("containerizers"), c.file, 0o644)
		}
		o.Containerizers = c.defaults
		if c.live != "" {
			o.Agent.Flags = map[string]string{"containerizers": c.live}
		}
		setUp(t, o)
		if got := value(t, o, "containerizers"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestPrepareChangesNothing(t *testing.T) {
	o := host(t)
	put(t, o.path("docker"), "/opt/docker", 0o644)
	before := tree(t, o.Directory)
	plan, err := Prepare(o)
	must(t, err)
	if plan.Files[1].Old != "/opt/docker" || plan.Files[1].New != o.Overlay.Path+"/docker" {
		t.Errorf("files %+v", plan.Files)
	}
	if diff := cmp.Diff(before, tree(t, o.Directory)); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(o.Overlay.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	must(t, plan.MakeOverlay())
	if diff := cmp.Diff(before, tree(t, o.Directory)); diff != "" {
		t.Error("the overlay alone changes files", diff)
	}
	put(t, o.path("docker"), "/opt/other", 0o644)
	if err := plan.WriteFiles(); err == nil || !strings.Contains(err.Error(), "by another process") {
		t.Error(err)
	}
	if got := value(t, o, "launcher_dir"); got != "" {
		t.Errorf("launcher_dir was written: %q", got)
	}
}

func TestRefusals(t *testing.T) {
	for want, change := range map[string]func(o *Options){
		"0.23 is the first":        func(o *Options) { o.Version = liveagent.Version{Minor: 22, Patch: 1} },
		"docker_mesos_image=mesos": func(o *Options) { o.Agent.Flags = map[string]string{"docker_mesos_image": "mesos"} },
		"--agent-directory":        func(o *Options) { o.Directory += "-none" },
		"not a file with a flag's": func(o *Options) { must(t, os.Mkdir(o.path("docker"), 0o755)) },
		"is missing":               func(o *Options) { must(t, os.RemoveAll(o.Directory)) },
		"launcher_dir": func(o *Options) {
			must(t, os.Remove(filepath.Join(o.Overlay.Stock, "mesos-docker-executor")))
		},
	} {
		o := host(t)
		change(&o)
		if _, err := Prepare(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// A file that cannot be written leaves all as they were.
func TestWriteFailsAsAWhole(t *testing.T) {
	o := host(t)
	put(t, o.path("launcher_dir"), "/opt/mesos", 0o600)
	plan, err := Prepare(o)
	must(t, err)
	must(t, plan.MakeOverlay())
	before := tree(t, o.Directory)
	plan.Files[2].new.UID = -2 // no such owner can be given
	plan.Files[2].new.GID = -2
	plan.Files[2].new.Kind = symlink
	plan.Files[2].new.Target = strings.Repeat("x", 1<<13) // longer than any path
	if err := plan.WriteFiles(); err == nil || !strings.Contains(err.Error(), "containerizers") {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, o.Directory)); diff != "" {
		t.Error(diff)
	}
	if report := undo(t, o); len(report.Lines) != 1 {
		t.Errorf("the record was not taken back: %q", report.Lines)
	}
}

func TestNotes(t *testing.T) {
	version := func(text string) liveagent.Version {
		v, err := liveagent.ParseVersion(text)
		must(t, err)
		return v
	}
	other := host(t) // another Mesos
	for name, c := range map[string]struct {
		change func(o *Options)
		want   []string
		never  string
	}{
		"recognised by path": {func(o *Options) { o.Version = version("1.9.0") }, []string{"Mesos 1.9.0", "MESOS-10084", "running tasks are recognised"}, "Drain"},
		"another path": {func(o *Options) {
			o.Version = version("1.7.2")
			o.Agent.Flags = map[string]string{"launcher_dir": other.Overlay.Stock}
		}, []string{"MESOS-10084", "Drain the agent", other.Overlay.Stock, "MESOS_LAUNCHER_DIR", "not over a command line"}, "are recognised after"},
		"no mesos-executor": {func(o *Options) {
			must(t, os.Remove(filepath.Join(o.Overlay.Stock, "mesos-executor")))
		}, []string{"before 1.10", "Drain", "none: "}, "are recognised after"},
		"mended at a branch's head": {func(o *Options) { o.Version = version("1.6.3") }, nil, "MESOS-10084"},
		"mended":                    {func(o *Options) { o.Version = version("1.10.0") }, []string{"executor_registration_timeout is left as it is (1mins"}, "MESOS-10084"},
		"not visible":               {func(o *Options) { o.Problem = liveagent.ErrDenied }, []string{"could not be compared", "authenticate"}, ""},
		"not restarted": {func(o *Options) {
			put(t, o.path("docker"), "/opt/docker", 0o644)
			o.Agent.Flags = map[string]string{"docker": "docker"}
		}, []string{"runs with docker=docker although", "mesos-init-wrapper"}, ""},
		"docker from elsewhere": {func(o *Options) { o.Agent.Flags = map[string]string{"docker": "/x/docker"} }, []string{"MESOS_DOCKER"}, ""},
		"a directory of the host's own": {func(o *Options) {
			must(t, os.Rename(o.Directory, o.Directory+"-own"))
			o.Directory += "-own"
		}, []string{"the daemon reads /etc/mesos-slave and /etc/mesos-agent and not "}, ""},
		"a timeout": {func(o *Options) { put(t, o.path("executor_registration_timeout"), "10mins", 0o644) }, []string{"(10mins)"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := host(t)
			c.change(&o)
			plan, err := Prepare(o)
			must(t, err)
			all := strings.Join(plan.Notes, "\n")
			for _, want := range c.want {
				if !strings.Contains(all, want) {
					t.Errorf("the notes lack %q:\n%s", want, all)
				}
			}
			if c.never != "" && strings.Contains(all, c.never) {
				t.Errorf("the notes say %q:\n%s", c.never, all)
			}
		})
	}
}

func tasks(names ...string) Source {
	return Source{Name: "the daemon", Tasks: func(context.Context) ([]string, error) { return names, nil }}
}

func silent() Source {
	return Source{Name: "the Engine", Tasks: func(context.Context) ([]string, error) { return nil, errors.New("it is away") }}
}

func TestUndoRefusesWhileTasksLive(t *testing.T) {
	for name, c := range map[string]struct {
		sources []Source
		force   bool
		want    string
	}{
		"a task":                      {[]Source{tasks(), tasks("web.1")}, false, "web.1"},
		"many":                        {[]Source{tasks("a", "b", "c", "d", "e", "f", "g"), tasks("a")}, false, "and 2 more"},
		"nobody knows":                {[]Source{silent(), silent()}, false, "the Engine: it is away"},
		"none":                        {[]Source{tasks(), tasks()}, false, ""},
		"one says none":               {[]Source{silent(), tasks()}, false, ""},
		"nobody knows, forced":        {[]Source{silent()}, true, ""},
		"forced":                      {[]Source{tasks("web.1"), silent()}, true, ""},
		"one that knows is no excuse": {[]Source{tasks("web.1"), silent()}, false, "web.1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := host(t)
			setUp(t, o)
			before := tree(t, o.Directory)
			_, err := Undo(t.Context(), UndoOptions{Overlay: o.Overlay.Path, Sources: c.sources, Force: c.force})
			if c.want == "" {
				must(t, err)
				return
			}
			if !errors.Is(err, ErrTasksLive) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if diff := cmp.Diff(before, tree(t, o.Directory)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The agent before its restart, and stock executors for as long as they live, start programs from the overlay.
func TestOverlayStaysWhileItIsUsed(t *testing.T) {
	o := host(t)
	setUp(t, o)
	stock := exec.Command(filepath.Join(o.Overlay.Path, "mesos-executor"), "--launcher_dir="+o.Overlay.Path)
	input, err := stock.StdinPipe() // it ends with that
	must(t, err, stock.Start())
	t.Cleanup(func() { input.Close(); _ = stock.Wait() })
	report, err := Undo(t.Context(), UndoOptions{Overlay: o.Overlay.Path, Sources: []Source{tasks()}, LauncherDir: o.Overlay.Path + "/"})
	must(t, err)
	last := report.Lines[len(report.Lines)-1]
	if !strings.Contains(last, "stays") || !strings.Contains(last, "the agent") || !strings.Contains(last, "process ") {
		t.Error(last)
	}
	if len(tree(t, o.Directory)) != 0 {
		t.Error("files are left")
	}
	if _, err := os.Stat(filepath.Join(o.Overlay.Path, "mesos-tcp-connect")); err != nil {
		t.Error("a health check's helper is gone:", err)
	}
	must(t, input.Close())
	_ = stock.Wait()
	undo(t, o)
	if _, err := os.Stat(o.Overlay.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the overlay is left: %v", err)
	}
}

// Who wrote the files by hand, as setup printed them, has to take them back by hand, too.
func TestUndoKeepsWhatFilesName(t *testing.T) {
	o := host(t)
	plan, err := Prepare(o)
	must(t, err, plan.MakeOverlay())
	put(t, o.path("docker"), plan.Files[1].New+"\n", 0o644)
	options := UndoOptions{Overlay: o.Overlay.Path, Sources: []Source{tasks()}, Directories: []string{o.Directory, "/nowhere"}}
	report, err := Undo(t.Context(), options)
	must(t, err)
	if len(report.Lines) != 1 || !strings.Contains(report.Lines[0], o.path("docker")) {
		t.Errorf("%q", report.Lines)
	}
	must(t, os.Remove(o.path("docker")))
	report, err = Undo(t.Context(), options)
	must(t, err)
	if _, err := os.Stat(o.Overlay.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q", report.Lines)
	}
}

// An agent that starts while a file is written sees the old value or the new one, and no file besides.
func TestNothingButFlagsIsEverInTheDirectory(t *testing.T) {
	o := host(t)
	path := o.path("docker")
	stop, failed := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-stop:
				return
			default:
			}
			entries, _ := os.ReadDir(o.Directory)
			if i := slices.IndexFunc(entries, func(e os.DirEntry) bool { return e.Name() != "docker" && !e.IsDir() }); i >= 0 {
				failed <- entries[i].Name()
				return
			}
			if content, err := os.ReadFile(path); err == nil && string(content) != "one\n" && string(content) != "two\n" {
				failed <- "docker is " + string(content)
				return
			}
		}
	}()
	old := file{Kind: absent}
	for i := range 200 {
		old = old.with([]string{"one", "two"}[i%2])
		must(t, old.write(path))
	}
	close(stop)
	if text, bad := <-failed; bad {
		t.Error(text)
	}
}

func TestStateIsRead(t *testing.T) {
	directory := t.TempDir()
	put(t, filepath.Join(directory, overlay.RecordName), `{"stock":"/s","state":{"files":3}}`, 0o600)
	if _, err := readState(directory); err == nil {
		t.Error("a damaged record is read")
	}
	put(t, filepath.Join(directory, overlay.RecordName), `{"stock":`, 0o600)
	if _, err := Undo(t.Context(), UndoOptions{Overlay: directory}); err == nil {
		t.Error("a damaged record is undone")
	}
}
