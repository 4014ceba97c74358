package stdcopy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func frame(stream byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(text)))) + text
}

func TestCopy(t *testing.T) {
	long := strings.Repeat("0123456789", 3*bufferSize/10)
	for name, c := range map[string]struct {
		stream         string
		tty            bool
		stdout, stderr string
		fails          bool
	}{
		"nothing":          {},
		"both":             {stream: frame(1, "a\n") + frame(2, "b\n") + frame(1, "c") + frame(0, "d") + frame(3, "e"), stdout: "a\ncd", stderr: "b\ne"},
		"empty and long":   {stream: frame(1, "") + frame(1, long) + frame(2, long), stdout: long, stderr: long},
		"a terminal":       {stream: "a\x01\x00b", tty: true, stdout: "a\x01\x00b"},
		"half a header":    {stream: frame(1, "a") + "\x01\x00", stdout: "a", fails: true},
		"half a frame":     {stream: frame(1, "abc")[:10], stdout: "ab", fails: true},
		"unknown stream":   {stream: frame(1, "a") + frame(9, "b"), stdout: "a", fails: true},
		"a header's claim": {stream: "\x01\x00\x00\x00\xff\xff\xff\xff", fails: true},
	} {
		var stdout, stderr bytes.Buffer
		err := Copy(iotest.HalfReader(strings.NewReader(c.stream)), c.tty, &stdout, &stderr)
		if (err != nil) != c.fails || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%s: %v, %d and %d bytes", name, err, stdout.Len(), stderr.Len())
		}
	}
	broken := errors.New("broken")
	err := Copy(io.MultiReader(strings.NewReader(frame(1, "a")), iotest.ErrReader(broken)), false, io.Discard, io.Discard)
	if !errors.Is(err, broken) {
		t.Errorf("a stream that breaks: %v", err)
	}
}

// A log that lost the newline of a long line gets it back; one that has it stays as it is.
func TestCopyLog(t *testing.T) {
	full, rest := strings.Repeat("x", recordSize), "rest"
	line := full + full + rest + "\n"
	for name, c := range map[string]struct {
		stream         string
		stdout, stderr string
		unended        bool // of stdout
	}{
		"lost":              {frame(1, full) + frame(1, full) + frame(1, rest) + frame(1, "next\n"), line + "next\n", "", false},
		"kept":              {frame(1, full) + frame(1, full) + frame(1, rest+"\n") + frame(1, "next\n"), line + "next\n", "", false},
		"lost of an empty":  {frame(1, full) + frame(1, "") + frame(1, "next\n"), full + "\nnext\n", "", false},
		"kept of an empty":  {frame(1, full) + frame(1, "\n") + frame(1, "next\n"), full + "\nnext\n", "", false},
		"one after another": {frame(1, full) + frame(1, rest) + frame(1, full) + frame(1, rest) + frame(1, "\n"), full + "rest\n" + full + "rest\n\n", "", false},
		"at the end":        {frame(1, full) + frame(1, rest), full + rest, "", true},
		"open at the end":   {frame(1, full), full, "", false},
		"other stream":      {frame(1, full) + frame(2, full) + frame(1, rest) + frame(2, "a\n") + frame(1, "b\n"), full + "rest\nb\n", full + "a\n", false},
		"a full line":       {frame(1, full[1:]+"\n") + frame(1, "short"), full[1:] + "\nshort", "", false},
		"short ones":        {frame(1, "a") + frame(1, "b"), "ab", "", false},
	} {
		var stdout, stderr bytes.Buffer
		out, errs, err := CopyLog(iotest.HalfReader(strings.NewReader(c.stream)), false, &stdout, &stderr)
		if err != nil || stdout.String() != c.stdout || stderr.String() != c.stderr || out.Unended != c.unended || errs.Unended {
			t.Errorf("%s: %v, %d and %d bytes, unended %t and %t", name, err, stdout.Len(), stderr.Len(), out.Unended, errs.Unended)
		}
	}
}

func TestEngineError(t *testing.T) {
	var stdout, stderr bytes.Buffer
	stream := frame(1, "a\n") + frame(3, "Error grabbing logs: damaged\n") + frame(1, "b\n")
	_, _, err := CopyLog(strings.NewReader(stream), false, &stdout, &stderr)
	if said, ok := errors.AsType[*EngineError](err); !ok || said.Text != "Error grabbing logs: damaged" || stdout.String() != "a\n" || stderr.Len() > 0 {
		t.Errorf("%v, stdout %q, stderr %q", err, stdout.String(), stderr.String())
	}
}

func FuzzCopy(f *testing.F) {
	f.Add([]byte(frame(1, "a")+frame(2, "b")), false)
	f.Add([]byte(frame(2, "err")+"\x01\x02\x03"), false)
	f.Add([]byte("a"), true)
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffx"), false)
	f.Fuzz(func(t *testing.T, stream []byte, tty bool) {
		var stdout, stderr bytes.Buffer
		err := Copy(bytes.NewReader(stream), tty, &stdout, &stderr)
		if n := stdout.Len() + stderr.Len(); n > len(stream) || tty && (err != nil || n != len(stream)) {
			t.Fatalf("%d bytes of %d, %v", n, len(stream), err)
		}
	})
}
