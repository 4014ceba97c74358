package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"mesos-docker-containerizer/internal/beneath"
)

// maxLine is how much of a line is shown in one piece, in bytes. What is longer comes in several, each marked as partial.
const maxLine = 64 << 10

// tail reads the lines that are appended to a file. The file need not exist yet. It is opened once and never through a link: a
// task can replace what lies in its sandbox.
type tail struct {
	path    string
	stderr  bool     // the file is the task's stderr
	file    *os.File // nil until it exists
	read    int64
	pending []byte // the beginning of a line
	failed  bool   // an error was told already
	buffer  [32 << 10]byte
}

// lines hands over what has been appended since the last call, in whole lines.
func (t *tail) lines(show func(line []byte, partial bool)) error {
	if err := t.open(); err != nil || t.file == nil {
		return err
	}
	for {
		n, err := t.file.ReadAt(t.buffer[:], t.read)
		t.read += int64(n)
		t.pending = append(t.pending, t.buffer[:n]...)
		t.cut(show)
		if errors.Is(err, io.EOF) {
			return t.rewind()
		}
		if err != nil {
			return fmt.Errorf("output of the task: %w", err)
		}
	}
}

// rest hands over the beginning of a line that has no end.
func (t *tail) rest(show func(line []byte, partial bool)) {
	if len(t.pending) > 0 {
		show(t.pending, true)
		t.pending = nil
	}
}

func (t *tail) close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

func (t *tail) open() error {
	if t.file != nil {
		return nil
	}
	file, err := beneath.Open(filepath.Dir(t.path), filepath.Base(t.path))
	switch {
	case err == nil:
		t.file = file
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("output of the task: %w", err)
	}
	return nil
}

// cut hands over the whole lines among what is pending.
func (t *tail) cut(show func(line []byte, partial bool)) {
	start := 0
	for {
		rest := t.pending[start:]
		if end := bytes.IndexByte(rest, '\n'); end >= 0 && end <= maxLine {
			show(rest[:end], false)
			start += end + 1
			continue
		}
		if len(rest) <= maxLine {
			break
		}
		show(rest[:maxLine], true)
		start += maxLine
	}
	t.pending = append(t.pending[:0], t.pending[start:]...)
}

// rewind starts over with a file that was made shorter, as log rotation by copying does.
func (t *tail) rewind() error {
	info, err := t.file.Stat()
	if err != nil {
		return fmt.Errorf("output of the task: %w", err)
	}
	if info.Size() < t.read {
		t.read = 0
	}
	return nil
}
