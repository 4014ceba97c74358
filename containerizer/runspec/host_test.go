package runspec_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mesos-docker-containerizer/containerizer/runspec"
)

func mkdir(t *testing.T, elements ...string) string {
	t.Helper()
	name := filepath.Join(elements...)
	if err := os.MkdirAll(name, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func isDirectory(t *testing.T, name string) {
	t.Helper()
	if info, err := os.Lstat(name); err != nil || !info.IsDir() {
		t.Errorf("%s: %v, %v, want a directory", name, info, err)
	}
}

func TestPrepareHostCreates(t *testing.T) {
	directory := t.TempDir()
	sandbox := mkdir(t, directory, "sandbox")
	mkdir(t, sandbox, "inside")
	if err := os.Symlink("inside", filepath.Join(sandbox, "link")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(sandbox, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := runspec.Spec{
		SandboxDirectory: sandbox,
		SandboxPaths:     []string{"new/deep", "link/new", "file"},
		MountSources:     []string{sandbox, filepath.Join(directory, "a:b", "c"), file},
	}
	for range 2 {
		if err := spec.PrepareHost(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	isDirectory(t, filepath.Join(sandbox, "new", "deep"))
	isDirectory(t, filepath.Join(sandbox, "inside", "new"))
	isDirectory(t, filepath.Join(directory, "a:b", "c"))
}

// TestPrepareHostStaysInTheSandbox tries the ways out that a task's files offer.
func TestPrepareHostStaysInTheSandbox(t *testing.T) {
	directory := t.TempDir()
	sandbox := mkdir(t, directory, "sandbox")
	outside := mkdir(t, directory, "outside")
	links := map[string]string{"absolute": outside, "relative": "../outside", "dangling": "../outside/new", "loop": "loop"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(sandbox, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"absolute", "absolute/new", "relative", "relative/new", "dangling", "dangling/x", "loop", "loop/x"} {
		spec := runspec.Spec{SandboxDirectory: sandbox, SandboxPaths: []string{name}}
		var fault *runspec.Error
		if err := spec.PrepareHost(t.Context()); !errors.As(err, &fault) {
			t.Errorf("%s: error %v, want a *runspec.Error", name, err)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside the sandbox there is %v, %v", entries, err)
	}

	if err := os.Symlink(filepath.Join(outside, "gone"), filepath.Join(directory, "dangling")); err != nil {
		t.Fatal(err)
	}
	spec := runspec.Spec{SandboxDirectory: sandbox, MountSources: []string{filepath.Join(directory, "dangling", "x")}}
	var fault *runspec.Error
	if err := spec.PrepareHost(t.Context()); !errors.As(err, &fault) {
		t.Errorf("a mount source behind a dangling link: error %v, want a *runspec.Error", err)
	}
}

func TestPrepareHostWithoutSandbox(t *testing.T) {
	spec := runspec.Spec{SandboxDirectory: filepath.Join(t.TempDir(), "gone"), SandboxPaths: []string{"x"}}
	var fault *runspec.Error
	if err := spec.PrepareHost(t.Context()); err == nil || errors.As(err, &fault) {
		t.Errorf("error %v, want one that is not the task's", err)
	}
}
