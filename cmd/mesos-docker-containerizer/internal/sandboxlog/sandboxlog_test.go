package sandboxlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func put(t rapid.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rotate does as logrotate does, which leaves things alone where there is no file.
func rotate(t rapid.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return
	}
	last := 0
	for ; ; last++ {
		if _, err := os.Stat(fmt.Sprintf("%s.%d", path, last+1)); err != nil {
			break
		}
	}
	for ; last > 0; last-- {
		if err := os.Rename(fmt.Sprintf("%s.%d", path, last), fmt.Sprintf("%s.%d", path, last+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
}

// TestFollowsRotation: whatever is written and rotated between two looks, everything comes once and in order.
func TestFollowsRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		directory, err := os.MkdirTemp("", "sandbox-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(directory)
		path := filepath.Join(directory, "stdout")
		r, err := Open(directory, "stdout", -1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { r.Close() }()
		var want, got strings.Builder
		for i, step := range rapid.SliceOfN(rapid.SampledFrom([]string{"write", "rotate", "look"}), 1, 25).Draw(t, "steps") {
			switch step {
			case "write":
				text := fmt.Sprintf("line %d\n", i)
				want.WriteString(text)
				put(t, path, text)
			case "rotate":
				rotate(t, path)
			default:
				if lost, err := r.Copy(&got); err != nil || lost {
					t.Fatal(lost, err)
				}
				if got.String() != want.String() {
					t.Fatalf("read %q, want %q", got.String(), want.String())
				}
			}
		}
	})
}

// TestLastLines: the last lines are those of all that was written, wherever it was rotated.
func TestLastLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		directory, err := os.MkdirTemp("", "sandbox-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(directory)
		path := filepath.Join(directory, "stderr")
		var all strings.Builder
		for _, text := range rapid.SliceOfN(rapid.StringMatching(`(a{0,3}\n?){0,4}`), 0, 8).Draw(t, "texts") {
			all.WriteString(text)
			put(t, path, text)
			if rapid.Bool().Draw(t, "rotate") {
				rotate(t, path)
			}
		}
		lines := rapid.IntRange(0, 9).Draw(t, "lines")
		kept := strings.SplitAfter(all.String(), "\n")
		if kept[len(kept)-1] == "" {
			kept = kept[:len(kept)-1]
		}
		want := strings.Join(kept[max(0, len(kept)-lines):], "")
		r, err := Open(directory, "stderr", lines)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var got strings.Builder
		if _, err := r.Copy(&got); err != nil || got.String() != want {
			t.Fatalf("%d lines of %q are %q, want %q; %v", lines, all.String(), got.String(), want, err)
		}
	})
}

func TestCutAndRemoved(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "stdout")
	put(t, path, "first\nsecond\n")
	r, err := Open(directory, "stdout", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { r.Close() }()
	look := func(want string, wantLost bool) {
		t.Helper()
		var got strings.Builder
		lost, err := r.Copy(&got)
		if err == nil && wantLost && lost { // what follows comes with the next look at the latest
			_, err = r.Copy(&got)
		}
		if err != nil || got.String() != want || lost != wantLost {
			t.Errorf("%q, lost %v, %v, want %q, %v", got.String(), lost, err, want, wantLost)
		}
	}
	look("first\nsecond\n", false)
	if err := os.Truncate(path, 0); err != nil { // as copytruncate does
		t.Fatal(err)
	}
	put(t, path, "third\n")
	look("third\n", true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look("", false)
	put(t, path, "fourth\n")
	look("fourth\n", true)
}

func TestGone(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "gone"), "stdout", -1); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestRefusesLinks(t *testing.T) {
	directory := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(directory, "stdout")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(directory, "stdout", -1); err == nil || !strings.Contains(err.Error(), "symbolic links are not followed") {
		t.Error(err)
	}
}
