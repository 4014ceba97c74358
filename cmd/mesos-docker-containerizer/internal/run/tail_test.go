package run

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type shown struct {
	line    string
	partial bool
}

// collect returns a place for lines and what appends to it.
func collect() (*[]shown, func([]byte, bool)) {
	var all []shown
	return &all, func(line []byte, partial bool) { all = append(all, shown{string(line), partial}) }
}

// TestTailLosesNothing appends a text in arbitrary pieces, looking at arbitrary moments, and puts together what was shown.
func TestTailLosesNothing(t *testing.T) {
	directory := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(directory, "stdout")
		file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		tail := &tail{path: path}
		defer tail.close()
		var got, want bytes.Buffer
		show := func(line []byte, partial bool) {
			if len(line) > maxLine || !partial && bytes.ContainsRune(line, '\n') {
				t.Fatalf("a line of %d bytes was shown", len(line))
			}
			got.Write(line)
			if !partial {
				got.WriteByte('\n')
			}
		}
		for range rapid.IntRange(0, 20).Draw(t, "pieces") {
			piece := rapid.OneOf(
				rapid.SliceOfN(rapid.SampledFrom([]byte("ab\n\xff\x00")), 0, 40),
				rapid.Custom(func(t *rapid.T) []byte {
					return bytes.Repeat([]byte("x"), rapid.IntRange(maxLine-2, 2*maxLine+2).Draw(t, "length"))
				}),
			).Draw(t, "piece")
			want.Write(piece)
			if _, err := file.Write(piece); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "look") {
				if err := tail.lines(show); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := tail.lines(show); err != nil {
			t.Fatal(err)
		}
		tail.rest(show)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("%d bytes were written and %d shown", want.Len(), got.Len())
		}
	})
}

func TestTailWaitsForTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	tail := &tail{path: path}
	got, show := collect()
	if err := tail.lines(show); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("late\nhalf"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tail.lines(show); err != nil {
		t.Fatal(err)
	}
	tail.rest(show)
	if want := []shown{{"late", false}, {"half", true}}; len(*got) != 2 || (*got)[0] != want[0] || (*got)[1] != want[1] {
		t.Errorf("shown: %v, want %v", *got, want)
	}
	if err := tail.close(); err != nil {
		t.Error(err)
	}
}

func TestTailStartsOverWhenTheFileShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	tail := &tail{path: path}
	defer tail.close()
	got, show := collect()
	for _, content := range []string{"a long first line\n", "new\n", "new\nmore\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the look that notices, and the one that reads
			if err := tail.lines(show); err != nil {
				t.Fatal(err)
			}
		}
	}
	var lines []string
	for _, s := range *got {
		lines = append(lines, s.line)
	}
	if text := strings.Join(lines, ","); text != "a long first line,new,more" {
		t.Errorf("shown: %s", text)
	}
}

// TestTailFollowsNoLink: what a task puts in place of its output file must not show files of the host, nor block.
func TestTailFollowsNoLink(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink("/etc/hostname", path) },
		"pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stdout")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			got, show := collect()
			if err := (&tail{path: path}).lines(show); err == nil || len(*got) > 0 {
				t.Errorf("error %v, shown %v", err, *got)
			}
		})
	}
}
