package main

import (
	"bytes"
	"io"
)

// lastLines keeps the last lines of what is written to it. The Engine's own count of last lines is of no use for that: it counts those
// of both streams, also where one alone is asked for.
type lastLines struct {
	count int
	lines [][]byte // complete but for the last
}

func (l *lastLines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if n := len(l.lines); n > 0 && !bytes.HasSuffix(l.lines[n-1], []byte{'\n'}) {
			l.lines[n-1] = append(l.lines[n-1], line...)
			continue
		}
		l.lines = append(l.lines, bytes.Clone(line))
		if len(l.lines) > l.count {
			l.lines = l.lines[1:]
		}
	}
	return len(p), nil
}

// WriteTo prints them.
func (l *lastLines) WriteTo(w io.Writer) (int64, error) {
	text := bytes.Join(l.lines, nil)
	n, err := w.Write(text)
	return int64(n), err
}
