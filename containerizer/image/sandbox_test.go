package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sandboxWith makes a sandbox with files, by path.
func sandboxWith(t testing.TB, files map[string]string) string {
	t.Helper()
	sandbox := t.TempDir()
	for path, content := range files {
		path = filepath.Join(sandbox, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sandbox
}

func TestReadBeneath(t *testing.T) {
	sandbox := sandboxWith(t, map[string]string{
		".docker/config.json": "content",
		"full":                strings.Repeat("x", maxCredentialsFile),
		"large":               strings.Repeat("x", maxCredentialsFile+1),
	})
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": outside, "inner": ".docker/config.json", "dir": ".docker", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(sandbox, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(sandbox, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}

	for path, size := range map[string]int{".docker/config.json": 7, "full": maxCredentialsFile} {
		if content, err := readBeneath(sandbox, path); err != nil || len(content) != size {
			t.Errorf("%s: %d bytes, %v", path, len(content), err)
		}
	}
	for _, path := range []string{"absent", ".docker/absent", "absent/config.json"} {
		if _, err := readBeneath(sandbox, path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, text := range map[string]string{
		"link": "regular file", "inner": "regular file", "dangling": "regular file", "dir/config.json": "directory",
		".docker": "regular file", "fifo": "regular file", "full/config.json": "directory", "large": "larger",
		"../outside": "plain", "/etc/passwd": "plain", ".docker/../full": "plain", "": "plain",
	} {
		content, err := readBeneath(sandbox, path)
		if err == nil || !strings.Contains(err.Error(), text) || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: %q, %v", path, content, err)
		}
	}
}

func TestReadBeneathLeavesNothingOpen(t *testing.T) {
	sandbox := sandboxWith(t, map[string]string{".docker/config.json": "content", "file": ""})
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := open()
	for _, path := range []string{".docker/config.json", ".docker/absent", "file/x", ".docker", "a/../b"} {
		_, _ = readBeneath(sandbox, path)
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
