package regularfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	const limit = 1 << 20
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("full"), make([]byte, limit), 0o600))
	must(os.WriteFile(at("large"), make([]byte, limit+1), 0o600))
	must(os.Symlink("full", at("link")))
	must(unix.Mkfifo(at("pipe"), 0o600))
	for path, want := range map[string]struct {
		size int
		err  string
	}{
		at("full"):   {size: limit},
		at("link"):   {size: limit},
		at("large"):  {err: "larger than 1 MiB"},
		at("pipe"):   {err: "not a regular file"},
		"/dev/zero":  {err: "not a regular file"},
		directory:    {err: "a directory and not a file"},
		at("absent"): {err: "no such file"},
	} {
		content, err := Read(path, limit)
		if failed, ok := errors.AsType[*os.PathError](err); err != nil && (!ok || failed.Path != path) {
			t.Errorf("%s: %v does not name it", path, err)
		}
		if len(content) != want.size || (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%s: %d bytes, %v; want %d, %q", path, len(content), err, want.size, want.err)
		}
	}
	if _, err := Read(at("absent"), limit); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}
