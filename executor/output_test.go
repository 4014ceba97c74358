package executor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"mesos-docker-containerizer/executor/wire"
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
		end := copyOutput(&outputStream{ReadCloser: io.NopCloser(source)}, false, &received{}, &out, &errs)
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
	end := copyOutput(&outputStream{ReadCloser: io.NopCloser(strings.NewReader("\x01plain\r\n"))}, true, &received{}, &out, &errs)
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
		end := copyOutput(&outputStream{ReadCloser: io.NopCloser(strings.NewReader(test.stream))}, false, &received{}, &out, io.Discard)
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
		end := copyOutput(&outputStream{ReadCloser: io.NopCloser(bytes.NewReader(stream))}, false, &received{}, out, errs)
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

// What the log has from before a loss is compared with what was received; the stream behind it begins a new count.
func TestOutputGoesOnFromTheLog(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.daemon.take()
		play := func(o wire.Output, text string) *wire.Position {
			s := newStream()
			h.sayWith(wire.Message{Output: &o}, s)
			s.w.Write([]byte(text))
			s.w.Close()
			h.settle()
			sent := h.daemon.take()
			if len(sent) != 1 || sent[0].Resume == nil {
				t.Fatalf("to the daemon: %+v", sent)
			}
			return sent[0].Resume.Position
		}
		lost := time.Now()
		steps := 0
		want := func(step string, got *wire.Position, want wire.Position) {
			t.Helper()
			steps++
			want.Ends = steps
			if got == nil || *got != want {
				t.Errorf("%s: %+v, want %+v", step, got, want)
			}
		}
		want("the first", play(wire.Output{}, string(frame(1, "a\nb\n"))+string(frame(2, "e"))), wire.Position{Stdout: 4, Stderr: 1})
		past := wire.Output{Resumed: true, Past: &wire.Past{Until: lost, Whole: 1 << 20}}
		want("the past", play(past, string(frame(1, "a\nb\nc\n"))), wire.Position{Stdout: 6, Stderr: 1, Until: lost})
		want("read again, since the Engine was lost over it", play(past, string(frame(1, "a\nb\nc\nd\n"))), wire.Position{Stdout: 8, Stderr: 1, Until: lost})
		want("the present", play(wire.Output{Resumed: true, From: lost}, string(frame(1, "f\n"))), wire.Position{Since: lost, Stdout: 2})
		other := wire.Output{Resumed: true, Past: &wire.Past{Until: lost.Add(1)}}
		want("another log", play(other, string(frame(1, "x\ny\n"))), wire.Position{Since: lost, Stdout: 2, Until: lost.Add(1), Again: true})
		play(other, string(frame(1, "x\ny\n")))
		steps++
		want("another log, to its end", play(other, string(frame(1, "x\ny\n"))), wire.Position{Since: lost, Stdout: 6, Until: lost.Add(1)})
		if got := play(wire.Output{Resumed: true}, string(frame(1, "old daemon\n"))); got != nil {
			t.Errorf("after a stream of an older daemon: %+v", got)
		}
		if got := h.stdout.String(); got != "a\nb\nc\nd\nf\nx\ny\nold daemon\n" {
			t.Errorf("stdout %q", got)
		}
	})
}

// A stream that answers an end before the last one, since the daemon heard of that twice, is not taken: all in it may have come.
func TestOutputOfAnEarlierEnd(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.daemon.take()
		lost := time.Now()
		var uncertain bool
		play := func(o wire.Output, text string) *wire.Position {
			s := newStream()
			h.sayWith(wire.Message{Output: &o}, s)
			go func() { s.w.Write([]byte(text)); s.w.Close() }() // nobody reads one that is not taken
			h.settle()
			sent := h.daemon.take()
			if len(sent) != 1 || sent[0].Resume == nil {
				t.Fatalf("to the daemon: %+v", sent)
			}
			uncertain = sent[0].Resume.Uncertain
			return sent[0].Resume.Position
		}
		log := string(frame(1, "a\nb\n"))
		past := wire.Output{Resumed: true, After: 1, Past: &wire.Past{Until: lost, Whole: -1}}
		play(wire.Output{}, log)
		play(past, log)
		last := play(wire.Output{Resumed: true, After: 2, From: lost}, "")
		for name, stale := range map[string]wire.Output{
			"the past": past, "the present": {Resumed: true, After: 2, From: lost}, "all of the log": {Resumed: true, After: 1},
		} {
			if got := play(stale, log); *got != *last || !uncertain {
				t.Errorf("%s once more: %+v, uncertain %t, want %+v", name, got, uncertain, last)
			}
		}
		if got := h.stdout.String(); got != "a\nb\n" {
			t.Errorf("stdout %q", got)
		}
	})
}

// A log driver that loses the newline of a long line neither makes the place in the log unknown nor the line run into the next.
func TestOutputGoesOnFromALogWithoutNewlines(t *testing.T) {
	full, rest := strings.Repeat("x", 16<<10), strings.Repeat("y", 10000)
	log := string(frame(1, full)) + string(frame(1, rest))
	line := full + rest + "\n"
	for name, c := range map[string]struct {
		received, past string
		want           string // of three lines
	}{
		"all received":             {line + line, log + log, line + line},
		"the newline is not there": {line + full + rest, log + log, line + line},
		"behind in a line":         {line + full[:7], log + log, line + line},
		"behind by lines":          {"", log + log, line + line},
	} {
		r, out := &received{}, &bytes.Buffer{}
		play := func(o wire.Output, text string) {
			t.Helper()
			r.begin(&o)
			if end := copyOutput(&outputStream{ReadCloser: io.NopCloser(strings.NewReader(text))}, false, r, out, io.Discard); end.err != nil {
				t.Fatal(end.err)
			}
			if !r.end(o.Past) {
				t.Errorf("%s: the place is not known", name)
			}
		}
		play(wire.Output{}, string(frame(1, c.received)))
		lost := time.Now()
		play(wire.Output{Resumed: true, Past: &wire.Past{Until: lost, Whole: -1}}, c.past)
		play(wire.Output{Resumed: true, From: lost}, log+string(frame(1, "end\n")))
		if want := c.want + line + "end\n"; out.String() != want {
			t.Errorf("%s: %d bytes, want %d", name, out.Len(), len(want))
		}
		if r.stdout.count != int64(len(line+"end\n")) {
			t.Errorf("%s: %d bytes are counted", name, r.stdout.count)
		}
	}
}

// socketPair is a connection as the Engine's.
func socketPair(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	reader, writer = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() {
		reader.Close()
		writer.Close()
	})
	return reader, writer
}

// What is cut is said in bytes, and what is over is known before it was read.
func TestPendingBytes(t *testing.T) {
	reader, writer := socketPair(t)
	if n := pendingBytes(reader); n != 0 {
		t.Errorf("%d bytes in an empty stream", n)
	}
	if _, err := writer.WriteString("pending"); err != nil {
		t.Fatal(err)
	}
	if n := pendingBytes(reader); n != 7 {
		t.Errorf("%d bytes of 7", n)
	}
	if hungUp(reader) {
		t.Error("the other end is gone while it is there")
	}
	writer.Close()
	if !hungUp(reader) || pendingBytes(reader) != 7 {
		t.Error("the other end is there, or the rest is not, when it is gone")
	}
	reader.Close() // by the copying, of whose end the executor has yet to hear
	if !hungUp(reader) || pendingBytes(reader) != 0 {
		t.Error("a stream that is closed goes on")
	}
	other := io.NopCloser(strings.NewReader("x"))
	if n := pendingBytes(other); n != 0 || hungUp(other) {
		t.Errorf("%d bytes in what is no file, or its end", n)
	}
}

// An executor that was stopped while the Engine and the daemon died tells the next daemon so before it has read the end of its stream.
func TestNewDaemonIsToldThatTheStreamIsOver(t *testing.T) {
	reader, writer := socketPair(t)
	inBubble(t, func(h *harness) {
		h.launch(sleeper())
		h.say(wire.Message{Created: &wire.Created{ContainerID: "c"}})
		h.link <- linkEvent{message: wire.Message{Output: &wire.Output{}}, file: struct {
			*stream
			syscall.Conn
		}{newStream(), reader}}
		h.settle()
		for _, over := range []bool{false, true} {
			if over {
				writer.Close()
			}
			h.link <- linkEvent{err: errors.New("connection reset")}
			h.settle()
			h.daemon.take()
			h.connect()
			if state := h.daemon.take()[0].Attach.State; !state.HasOutput || state.OutputOver != over {
				t.Errorf("state: %+v, want that it is over: %v", state, over)
			}
		}
	})
}

// What was read ahead of the copying comes before the rest of the stream, and nothing of it is missing, in whatever order they read.
func TestOutputSetAside(t *testing.T) {
	const size, sum = 100_000, 3 * maxAside / 2 // the rest does not fit
	var want bytes.Buffer
	for i := 0; want.Len() < sum; i++ {
		want.Write(frame(1, fmt.Sprintf("%0*d", size, i)))
	}
	file, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if _, err := w.Write(want.Bytes()); err != nil {
			t.Error(err)
		}
		w.Close()
	}()
	stream := &outputStream{ReadCloser: file}
	got := make([]byte, 3)
	if _, err := io.ReadFull(stream, got); err != nil {
		t.Fatal(err)
	}
	stream.setAside()
	if n := stream.waiting(); n < maxAside {
		t.Errorf("%d bytes wait, want %d", n, maxAside)
	}
	rest, err := io.ReadAll(stream)
	if err != nil || !bytes.Equal(append(got, rest...), want.Bytes()) {
		t.Errorf("%d bytes came, want %d: %v", len(rest)+len(got), want.Len(), err)
	}
	if n := stream.waiting(); n != 0 {
		t.Errorf("%d bytes wait at the end", n)
	}
	file.Close()
}
