package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"pgregory.net/rapid"
)

// tree makes directories (ending with a slash), files, and symlinks ("name -> target") below a directory.
func tree(t testing.TB, entries ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, entry := range entries {
		name, target, link := strings.Cut(entry, " -> ")
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(strings.ReplaceAll(target, "ROOT", root), path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestResolve(t *testing.T) {
	root := tree(t, "a/b/c/", "file", "absolute -> ROOT/a/b", "relative -> a/b", "a/up -> ../a/b/c", "chain -> relative/c", "dangling -> nowhere/x",
		"loop -> loop", "a/out -> ../../../../../../../etc", "past -> a/b/../../file", "proc -> /proc/self/root")
	for name, want := range map[string]string{
		"a/b": "a/b", "absolute/c": "a/b/c", "relative": "a/b", "a/up": "a/b/c", "chain": "a/b/c", "a/./b//c/": "a/b/c",
		"relative/..": "a", "dangling": "nowhere/x", "dangling/y": "nowhere/x/y", "missing/../a/b": "a/b", "missing/x": "missing/x",
		"past": "file", "file/below": "file/below", "a/out/passwd": "/etc/passwd", "proc/srv": "/", // who knows whose root that is
	} {
		got, err := resolve(root + "/" + name)
		if !filepath.IsAbs(want) {
			want = filepath.Join(root, want)
		}
		if err != nil || got != want {
			t.Errorf("%s leads to %s, %v, want %s", name, got, err, want)
		}
	}
	if _, err := resolve(root + "/loop"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a loop: %v", err)
	}
	if _, err := resolve(root + "/" + strings.Repeat("x", 300)); err == nil {
		t.Error("a name that cannot be is resolved")
	}
}

// TestResolveAsTheSystemDoes compares with the standard library on paths that exist.
func TestResolveAsTheSystemDoes(t *testing.T) {
	root := tree(t, "a/b/c/", "l -> a/b", "a/m -> ../l/c", "a/b/n -> ROOT/a/m", "o -> ./a/./b/..")
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "l", "m", "n", "o", ".", "..", ""}), 1, 8).Draw(t, "parts")
		name := root + "/" + strings.Join(parts, "/")
		want, err := filepath.EvalSymlinks(name)
		if err != nil {
			return
		}
		if got, err := resolve(name); err != nil || got != want {
			t.Fatalf("%s leads to %s, %v, want %s", name, got, err, want)
		}
	})
}

// TestSymlinks has a task, an operator and a sandbox with symlinks in their paths.
func TestSymlinks(t *testing.T) {
	root := tree(t, "allowed/data/", "secret/", "allowed/out -> ROOT/secret", "allowed/in -> data", "alias -> allowed", "real/sandbox/work/", "work -> real",
		"real/sandbox/escape -> ../../secret", "real/sandbox/stay -> work", "real/neighbour/", "real/sandbox2/")
	p := mustNew(t, Options{Allowed: map[string]Rule{"allowed_host_paths": {Source: "file", Items: []string{root + "/alias"}}}})
	for path, allowed := range map[string]bool{
		"allowed/data": true, "alias/data": true, "allowed": true, "allowed/in": true, "allowed/new": true,
		"allowed/out": false, "alias/out": false, "allowed/out/x": false, "allowed/../secret": false, "allowed/in/../../secret": false,
		"allowed/out/../allowed": true, // so for the kernel as well as for the eye
		"work/sandbox":           true, "real/sandbox/work": true, "work/sandbox/stay": true, "work/sandbox/new/deep": true,
		"work/sandbox/escape": false, "work/neighbour": false, "work/sandbox2": false, "work/sandbox/..": false, "work": false,
	} {
		for way, change := range map[string]func(*container.HostConfig){
			"bind":  func(h *container.HostConfig) { h.Binds = []string{root + "/" + path + ":/x"} },
			"mount": func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Type: "bind", Source: root + "/" + path}} },
			"volume": func(h *container.HostConfig) {
				h.Mounts = []mount.Mount{volumeMount("", "local", map[string]string{"type": "none", "o": "bind", "device": root + "/" + path})}
			},
		} {
			s := host(change)
			s.Sandbox = root + "/work/sandbox"
			err := p.Check(t.Context(), s, engineWithTraps)
			if (err == nil) != allowed {
				t.Errorf("%s by %s: %v, allowed: %v", path, way, err, allowed)
			}
		}
	}
	shared := host(func(h *container.HostConfig) { h.Binds = []string{root + "/real/sandbox:/x:shared"} })
	shared.Sandbox = root + "/real/sandbox"
	wantRefused(t, p, shared, nil)
}

// TestDevicesBehindSymlinks follows links as for host paths. The sandbox is no place for devices.
func TestDevicesBehindSymlinks(t *testing.T) {
	root := tree(t, "dev/fuse", "dev/disk", "sandbox/fuse -> ROOT/dev/disk", "by-name -> dev/fuse")
	p := mustNew(t, Options{Allowed: map[string]Rule{"allowed_devices": {Source: "file", Items: []string{root + "/by-name"}}}})
	for name, allowed := range map[string]bool{"dev/fuse": true, "by-name": true, "sandbox/fuse": false, "sandbox": false, "dev": false} {
		s := host(func(h *container.HostConfig) { h.Devices = []container.DeviceMapping{{PathOnHost: root + "/" + name}} })
		s.Sandbox = root + "/sandbox"
		if err := p.Check(t.Context(), s, nil); (err == nil) != allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
