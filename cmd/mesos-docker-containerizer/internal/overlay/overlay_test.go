package overlay

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// folder is a directory that task users can enter, as /var/lib is; t.TempDir is not always.
func folder(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "overlay-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	return directory
}

func program(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+filepath.Base(path)+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// fresh has a stock folder and our programs, and no overlay yet.
func fresh(t *testing.T) Overlay {
	t.Helper()
	root := folder(t)
	for _, name := range []string{"mesos-docker-executor", "mesos-executor", "mesos-fetcher", "mesos-containerizer", "mesos-tcp-connect"} {
		program(t, filepath.Join(root, "stock", name))
	}
	program(t, filepath.Join(root, "ours", "executor"))
	program(t, filepath.Join(root, "ours", "cli"))
	return Overlay{
		Path: filepath.Join(root, "overlay"), Stock: filepath.Join(root, "stock"),
		Executor: filepath.Join(root, "ours", "executor"), Docker: filepath.Join(root, "ours", "cli"),
	}
}

// apply is what setup does.
func apply(t *testing.T, o Overlay) []Change {
	t.Helper()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	release, err := Lock(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := WriteRecord(o.Path, Record{Stock: o.Stock}); err != nil {
		t.Fatal(err)
	}
	changes, err := o.Apply()
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func targets(t *testing.T, path string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		if e.Name() != RecordName {
			if found[e.Name()], err = os.Readlink(filepath.Join(path, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}

func TestApply(t *testing.T) {
	o := fresh(t)
	if got := len(apply(t, o)); got != 6 {
		t.Errorf("%d changes", got)
	}
	want := map[string]string{"docker": o.Docker, "mesos-docker-executor": o.Executor}
	for _, name := range []string{"mesos-executor", "mesos-fetcher", "mesos-containerizer", "mesos-tcp-connect"} {
		want[name] = filepath.Join(o.Stock, name)
	}
	if diff := cmp.Diff(want, targets(t, o.Path)); diff != "" {
		t.Error(diff)
	}
	if again := apply(t, o); len(again) != 0 {
		t.Errorf("a second time it changes %v", again)
	}
}

func TestMend(t *testing.T) {
	o := fresh(t)
	apply(t, o)
	program(t, filepath.Join(o.Stock, "mesos-new-helper")) // an upgrade of Mesos
	if err := os.Remove(filepath.Join(o.Stock, "mesos-tcp-connect")); err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(filepath.Dir(o.Executor), "executor-2")) // our programs have moved
	old := o.Executor
	o.Executor += "-2"
	if err := os.WriteFile(filepath.Join(o.Path, aside+"docker"), nil, 0o644); err != nil { // of a setup that was killed
		t.Fatal(err)
	}
	want := []Change{
		{"mesos-docker-executor", old, o.Executor},
		{"mesos-tcp-connect", filepath.Join(o.Stock, "mesos-tcp-connect"), ""},
		{"mesos-new-helper", "", filepath.Join(o.Stock, "mesos-new-helper")},
	}
	seen, err := o.Inspect()
	if diff := cmp.Diff(want, seen); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff(want, apply(t, o)); diff != "" {
		t.Error(diff)
	}
	if left, err := o.Inspect(); len(left) > 0 || err != nil {
		t.Errorf("left: %v %v", left, err)
	}
	for _, c := range want {
		if c.String() == "" {
			t.Error("a change has no words")
		}
	}
}

// While links are replaced an agent may start any helper.
func TestNamesAreAlwaysThere(t *testing.T) {
	o := fresh(t)
	apply(t, o)
	program(t, o.Executor+"-2")
	stop := make(chan struct{})
	var starts sync.WaitGroup
	defer starts.Wait()
	defer close(stop)
	starts.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := os.Stat(filepath.Join(o.Path, ExecutorName)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 200 {
		each := o
		if i%2 == 0 {
			each.Executor += "-2"
		}
		if changes := apply(t, each); len(changes) != 1 {
			t.Fatalf("changes %v", changes)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(o *Overlay){
		"is not absolute":           func(o *Overlay) { o.Path = "overlay" },
		"helpers (its launcher_dir": func(o *Overlay) { o.Stock = filepath.Dir(o.Docker) },
		"overlay of ours": func(o *Overlay) {
			apply(t, *o)
			o.Stock = o.Path
			o.Path += "-2"
		},
		"are the same": func(o *Overlay) { o.Path = o.Stock },
		"our program already": func(o *Overlay) {
			helper := filepath.Join(o.Stock, ExecutorName)
			if err := errors.Join(os.Remove(helper), os.Symlink(o.Executor, helper)); err != nil {
				t.Fatal(err)
			}
		},
		"make install": func(o *Overlay) { o.Docker = filepath.Join(o.Stock, "nothing") },
		"not a program": func(o *Overlay) {
			if err := os.Chmod(o.Executor, 0o644); err != nil {
				t.Fatal(err)
			}
		},
	} {
		o := fresh(t)
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestForeign(t *testing.T) {
	o := fresh(t)
	program(t, filepath.Join(o.Path, "somebody's"))
	if _, err := o.Apply(); err == nil || !strings.Contains(err.Error(), "not a link that setup has made") {
		t.Error(err)
	}
	o = fresh(t)
	if err := errors.Join(os.Mkdir(o.Path, 0o755), os.Symlink("/bin/true", filepath.Join(o.Path, "x"))); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Apply(); err == nil || !strings.Contains(err.Error(), "has no record of ours") {
		t.Error(err)
	}
	if err := Remove(o.Path); err == nil {
		t.Error("a folder that is not ours was removed")
	}
	if got := targets(t, o.Path); got["x"] != "/bin/true" {
		t.Errorf("left: %v", got)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(folder(t), "a", "b")
	old := unix.Umask(0o077)
	release, err := Lock(path)
	unix.Umask(old)
	if err == nil {
		t.Error("task users cannot enter the folder above and it says nothing")
		release()
	} else if !strings.Contains(err.Error(), "chmod o+x") {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}

	path = filepath.Join(folder(t), "overlay")
	if release, err = Lock(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); err == nil || !strings.Contains(err.Error(), "another setup") {
		t.Error(err)
	}
	release()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder is left: %v", err)
	}

	open := filepath.Join(folder(t), "open")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(filepath.Join(open, "overlay")); err == nil || !strings.Contains(err.Error(), "others than root can change") {
		t.Error(err)
	}
}

// A path through what a user owns leads where that user wants it to, whatever it leads to now.
func TestTrusted(t *testing.T) {
	const user = 4711
	if os.Geteuid() != 0 {
		t.Skip("only root can make what belongs to others")
	}
	for name, c := range map[string]struct {
		path    string // below the folder
		prepare func(root string) error
		trusted bool
	}{
		"nothing there yet":       {"a/b", func(string) error { return nil }, true},
		"a link of root's":        {"link/x", func(root string) error { return os.Symlink("real", filepath.Join(root, "link")) }, true},
		"a link that goes up":     {"link", func(root string) error { return os.Symlink("real/../real/x", filepath.Join(root, "link")) }, true},
		"a user's file":           {"real/x", func(root string) error { return os.Chown(filepath.Join(root, "real", "x"), user, 0) }, false},
		"a file others may write": {"real/x", func(root string) error { return os.Chmod(filepath.Join(root, "real", "x"), 0o777) }, false},
		"a link of a user's": {"link", func(root string) error {
			link := filepath.Join(root, "link")
			return errors.Join(os.Symlink("real", link), os.Lchown(link, user, 0))
		}, false},
		"a link in a user's directory": {"home/link", func(root string) error {
			home := filepath.Join(root, "home")
			return errors.Join(os.Mkdir(home, 0o755), os.Symlink("../real", filepath.Join(home, "link")), os.Chown(home, user, 0))
		}, false},
		"a link through a user's directory": {"link", func(root string) error {
			home := filepath.Join(root, "home")
			return errors.Join(os.Mkdir(home, 0o755), os.Symlink(filepath.Join(root, "real"), filepath.Join(home, "link")),
				os.Chown(home, user, 0), os.Symlink("home/link", filepath.Join(root, "link")))
		}, false},
		"a circle": {"link", func(root string) error { return os.Symlink("link", filepath.Join(root, "link")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := folder(t)
			program(t, filepath.Join(root, "real", "x"))
			if err := c.prepare(root); err != nil {
				t.Fatal(err)
			}
			if err := Trusted(filepath.Join(root, c.path)); (err == nil) != c.trusted {
				t.Errorf("%s: %v", c.path, err)
			}
		})
	}
}

// Nothing is made or changed where a user's link leads.
func TestLockFollowsNoLinkOfAUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make what belongs to others")
	}
	root := folder(t)
	secret, link := filepath.Join(root, "secret"), filepath.Join(root, "link")
	if err := errors.Join(os.Mkdir(secret, 0o700), os.Symlink(secret, link), os.Lchown(link, 4711, 0)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, filepath.Join(link, "new")} {
		if _, err := Lock(path); err == nil || !strings.Contains(err.Error(), "others than root can change "+link) {
			t.Error(err)
		}
	}
	info, err := os.Stat(secret)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left := targets(t, secret); len(left) != 0 {
		t.Errorf("made: %v", left)
	}
}

func TestRecordWithoutEnd(t *testing.T) {
	path := folder(t)
	if err := os.Symlink("/dev/zero", filepath.Join(path, RecordName)); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadRecord(path); err == nil {
		t.Errorf("read: %+v", r)
	}
}

func TestRecord(t *testing.T) {
	o := fresh(t)
	if _, err := ReadRecord(o.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	apply(t, o)
	if r, err := ReadRecord(o.Path); err != nil || r.Stock != o.Stock {
		t.Errorf("%+v %v", r, err)
	}
	if err := Remove(o.Path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}
