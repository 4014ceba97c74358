package executor

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// Frames of any sizes, read in any pieces, come out whole and on their own stream.
func TestDemultiplex(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var stream, stdout, stderr []byte
		for _, size := range rapid.SliceOfN(rapid.IntRange(0, 48<<10), 0, 6).Draw(rt, "frames") {
			text := rapid.SliceOfN(rapid.Byte(), 1, 1).Draw(rt, "byte")
			payload := strings.Repeat(string(text), size)
			if rapid.Bool().Draw(rt, "stderr") {
				stream, stderr = append(stream, frame(2, payload)...), append(stderr, payload...)
			} else {
				stream, stdout = append(stream, frame(1, payload)...), append(stdout, payload...)
			}
		}
		var source io.Reader = bytes.NewReader(stream)
		if rapid.Bool().Draw(rt, "halves") {
			source = iotest.HalfReader(source)
		}
		var out, errs bytes.Buffer
		end := copyOutput(io.NopCloser(source), false, &out, &errs)
		if end.err != nil || !bytes.Equal(out.Bytes(), stdout) || !bytes.Equal(errs.Bytes(), stderr) {
			rt.Fatalf("%v; %d of %d bytes on stdout, %d of %d on stderr", end.err, out.Len(), len(stdout), errs.Len(), len(stderr))
		}
		if end.lastByte.IsZero() != (len(stdout)+len(stderr) == 0) {
			rt.Fatalf("last byte at %v", end.lastByte)
		}
	})
}

func TestTerminalOutputIsNotFramed(t *testing.T) {
	var out, errs bytes.Buffer
	end := copyOutput(io.NopCloser(strings.NewReader("\x01plain\r\n")), true, &out, &errs)
	if end.err != nil || out.String() != "\x01plain\r\n" || errs.Len() != 0 || end.lastByte.IsZero() {
		t.Errorf("%+v, stdout %q, stderr %q", end, out.String(), errs.String())
	}
}

func TestBrokenStreams(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		stdout string
	}{
		"in a header":    {string(frame(1, "ok")) + "\x01\x00", "ok"},
		"in a payload":   {string(frame(1, "complete")[:12]), "comp"},
		"unknown stream": {string(frame(1, "ok")) + string(frame(9, "x")), "ok"},
	} {
		var out bytes.Buffer
		end := copyOutput(io.NopCloser(strings.NewReader(test.stream)), false, &out, io.Discard)
		if end.err == nil || out.String() != test.stdout {
			t.Errorf("%s: %v, stdout %q", name, end.err, out.String())
		}
	}
}

// A log helper that died must not hold up the container: its output is read on. A full disk may have room again.
func TestSinkThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		failure error
		want    string
	}{
		"reader gone": {syscall.EPIPE, ""},
		"disk full":   {syscall.ENOSPC, "later"},
	} {
		stream := append(append(frame(1, "lost"), frame(2, "kept")...), frame(1, "later")...)
		out, errs := &failing{once: test.failure}, &bytes.Buffer{}
		end := copyOutput(io.NopCloser(bytes.NewReader(stream)), false, out, errs)
		if end.err != nil || errs.String() != "kept" || out.String() != test.want || !errors.Is(end.lost, test.failure) {
			t.Errorf("%s: %+v, stdout %q, stderr %q", name, end, out.String(), errs.String())
		}
	}
}

// failing fails the first write.
type failing struct {
	bytes.Buffer
	once error
}

func (f *failing) Write(p []byte) (int, error) {
	if err := f.once; err != nil {
		f.once = nil
		return 0, err
	}
	return f.Buffer.Write(p)
}
