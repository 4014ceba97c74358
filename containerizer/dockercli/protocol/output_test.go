package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func piece(stream byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(text)))) + text
}

func TestCopyOutput(t *testing.T) {
	long := strings.Repeat("0123456789", 3*MaxData/10)
	for name, c := range map[string]struct {
		stream         string
		tty            bool
		stdout, stderr string
		fails          bool
	}{
		"nothing":          {},
		"both":             {stream: piece(1, "a\n") + piece(2, "b\n") + piece(1, "c") + piece(0, "d") + piece(3, "e"), stdout: "a\ncd", stderr: "b\ne"},
		"empty and long":   {stream: piece(1, "") + piece(1, long) + piece(2, long), stdout: long, stderr: long},
		"a terminal":       {stream: "a\x01\x00b", tty: true, stdout: "a\x01\x00b"},
		"half a header":    {stream: piece(1, "a") + "\x01\x00", stdout: "a", fails: true},
		"half a piece":     {stream: piece(1, "abc")[:10], stdout: "ab", fails: true},
		"unknown stream":   {stream: piece(1, "a") + piece(9, "b"), stdout: "a", fails: true},
		"a header's claim": {stream: "\x01\x00\x00\x00\xff\xff\xff\xff", fails: true},
	} {
		var stdout, stderr bytes.Buffer
		err := CopyOutput(iotest.HalfReader(strings.NewReader(c.stream)), c.tty, &stdout, &stderr)
		if (err != nil) != c.fails || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%s: %v, %d and %d bytes", name, err, stdout.Len(), stderr.Len())
		}
	}
	broken := errors.New("broken")
	err := CopyOutput(io.MultiReader(strings.NewReader(piece(1, "a")), iotest.ErrReader(broken)), false, io.Discard, io.Discard)
	if !errors.Is(err, broken) {
		t.Errorf("a stream that breaks: %v", err)
	}
}

func FuzzCopyOutput(f *testing.F) {
	f.Add([]byte(piece(1, "a")+piece(2, "b")), false)
	f.Add([]byte("a"), true)
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff"), false)
	f.Fuzz(func(t *testing.T, stream []byte, tty bool) {
		var stdout, stderr bytes.Buffer
		err := CopyOutput(bytes.NewReader(stream), tty, &stdout, &stderr)
		if n := stdout.Len() + stderr.Len(); n > len(stream) || tty && (err != nil || n != len(stream)) {
			t.Fatalf("%d bytes of %d, %v", n, len(stream), err)
		}
	})
}
