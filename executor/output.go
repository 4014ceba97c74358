package executor

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/transport/stdcopy"
)

// outputEnd is the end of a stream, with the time of its last byte; zero if it had none.
type outputEnd struct {
	lastByte time.Time
	err      error // nil at the regular end
	lost     error // the first of our own stdout or stderr, nil if all was written

	unreadable string // what the Engine has said in place of the rest of its log; empty if it did not
}

// outputStream is a stream that is being copied.
type outputStream struct {
	io.ReadCloser
	passed atomic.Int64 // bytes that were written, or dropped

	mu    sync.Mutex   // guards the reading of the stream, and what follows
	aside []byte       // was read ahead of the copying
	kept  atomic.Int64 // its length
}

// maxAside is more than an Engine holds back for one reader: a million bytes of each stream, and what pipes and sockets hold.
const maxAside = 4 << 20

// setAside reads what the Engine has of a container that has ended, ahead of the copying. It returns with the end of the stream.
func (s *outputStream) setAside() {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := make([]byte, 32<<10)
	for len(s.aside) < maxAside {
		n, err := s.ReadCloser.Read(part)
		s.aside = append(s.aside, part[:n]...)
		s.kept.Store(int64(len(s.aside)))
		if err != nil {
			return // the copying meets it, too
		}
	}
}

// Read reads what was set aside first.
func (s *outputStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.aside) > 0 {
		n := copy(p, s.aside)
		s.aside = s.aside[n:]
		s.kept.Store(int64(len(s.aside)))
		return n, nil
	}
	return s.ReadCloser.Read(p)
}

// waiting is how many bytes have come and were not copied, as far as that can be told.
func (s *outputStream) waiting() int { return int(s.kept.Load()) + pendingBytes(s.ReadCloser) }

// received is what of the container's output was received, which outlives the streams. A copyOutput has it to itself.
type received struct {
	since          time.Time // of the Engine's log, where the counts begin
	until          time.Time // of the last wire.Past; zero unless one is to be read to its end
	log            bool      // the stream is one of the Engine's log
	uncounted      bool      // an older daemon has sent a stream of which the beginning is not known
	ends           int       // of streams
	stdout, stderr receivedStream
	past           *past // nil unless what the log has from before a loss of the Engine is read
}

// receivedStream counts one of the two streams.
type receivedStream struct {
	count int64
	tail  tail
}

func (r *receivedStream) add(p []byte) {
	r.count += int64(len(p))
	r.tail.add(p)
}

// past compares the log with what was received.
type past struct {
	stdout, stderr *matcher
	lines          int64 // in this reading
	again          bool  // it has to be read once more
}

// recordSize is how many bytes a record of the log takes at most beside its text (wire.Past).
const recordSize = 128

// maxRecord is how much text the Engine keeps in one record.
const maxRecord = 16 << 10

// begin prepares for a new stream.
func (r *received) begin(o *wire.Output) {
	r.log = o.Resumed && o.Lost == ""
	switch {
	case o.Past != nil:
		r.until = o.Past.Until
		if r.past == nil || !r.past.again {
			r.past = &past{
				stdout: newMatcher(r.stdout.count, r.stdout.tail.bytes(r.stdout.count)),
				stderr: newMatcher(r.stderr.count, r.stderr.tail.bytes(r.stderr.count)),
			}
		}
		r.past.again, r.past.lines = false, 0
	case o.Resumed:
		r.uncounted = r.uncounted || o.From.IsZero() && r.stdout.count+r.stderr.count > 0
		r.since, r.until, r.past = o.From, time.Time{}, nil
		r.stdout.count, r.stderr.count = 0, 0
	}
}

// end takes the regular end of a stream from a past, nil if it had none. It returns whether the place in the log was found, or need
// not be known.
func (r *received) end(o *wire.Past) (exact bool) {
	if o == nil || r.past == nil {
		return true
	}
	p := r.past
	text := p.stdout.seen + p.stderr.seen
	whole := o.Whole < 0 || text+recordSize*(p.lines+text/maxRecord+2) < o.Whole
	exact = p.stdout.mode != byBound && p.stderr.mode != byBound
	stdout, stderr := p.stdout.end(whole), p.stderr.end(whole)
	p.again = !stdout || !stderr
	return exact
}

// position is what the daemon has to know; nil if nothing was counted.
func (r *received) position(broken bool) *wire.Position {
	if r.uncounted {
		return nil
	}
	return &wire.Position{Since: r.since, Stdout: r.stdout.count, Stderr: r.stderr.count,
		Until: r.until, Again: r.past != nil && r.past.again, Broken: broken, Ends: r.ends}
}

// copyOutput writes a container's output stream to the executor's own stdout and stderr until it ends, and closes it. The
// sinks may fail (their reader is a log helper that may die): the stream is then read on, or the container would block.
func copyOutput(stream *outputStream, tty bool, r *received, stdout, stderr io.Writer) outputEnd {
	defer stream.Close()
	var end outputEnd
	out := &sink{w: stdout, end: &end, received: &r.stdout, passed: &stream.passed}
	errs := &sink{w: stderr, end: &end, received: &r.stderr, passed: &stream.passed}
	if r.past != nil {
		out.past, errs.past = r.past.stdout, r.past.stderr
		out.lines, errs.lines = &r.past.lines, &r.past.lines
	}
	if !r.log {
		end.err = stdcopy.Copy(stream, tty, out, errs)
		return end
	}
	var lastOut, lastErr stdcopy.Record
	lastOut, lastErr, end.err = stdcopy.CopyLog(stream, tty, out, errs)
	if said, ok := errors.AsType[*stdcopy.EngineError](end.err); ok {
		end.err, end.unreadable = nil, said.Text // what it has was read
	}
	if end.err != nil {
		r.past = nil // what was written counts as received: it is compared anew
		return end
	}
	out.finish(lastOut, r.until)
	errs.finish(lastErr, r.until)
	return end
}

// sink notes when bytes came and never fails. A reader that has gone stays gone; any other error, of a full disk perhaps, may
// pass, so that what comes later is written again.
type sink struct {
	w        io.Writer
	end      *outputEnd
	received *receivedStream
	passed   *atomic.Int64
	past     *matcher // nil unless the stream is one from the past
	lines    *int64
	broken   bool
}

func (s *sink) Write(p []byte) (int, error) {
	n := len(p)
	s.end.lastByte = time.Now()
	if s.past != nil {
		*s.lines += int64(bytes.Count(p, []byte{'\n'}))
		p = s.past.take(p)
	}
	s.received.add(p)
	defer s.passed.Add(int64(n))
	if s.broken || len(p) == 0 {
		return n, nil
	}
	if _, err := s.w.Write(p); err != nil {
		s.broken = errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed)
		if s.end.lost == nil {
			s.end.lost = err
		}
	}
	return n, nil
}

// finish ends a line whose newline the log has lost, at the end of a log from before a loss of the Engine: more comes from the next.
func (s *sink) finish(last stdcopy.Record, until time.Time) {
	if last.Unended && !until.IsZero() {
		_, _ = s.Write([]byte{'\n'})
	}
}

// pendingBytes is how much has arrived on a stream and was not read, with the headers of its frames; 0 if that cannot be told.
func pendingBytes(stream io.ReadCloser) int {
	var n int32
	withDescriptor(stream, func(fd uintptr) {
		// FIONREAD of a socket, which has the number of TIOCINQ.
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
			n = 0
		}
	})
	return int(n)
}

// hungUp reports whether the other end of a stream is gone, though some of the stream may still have to be read, or whether the stream was
// read to its end and closed; false if that cannot be told.
func hungUp(stream io.ReadCloser) (gone bool) {
	const pollHangUp = 0x10 // POLLHUP, which is always told
	closed := withDescriptor(stream, func(fd uintptr) {
		p := struct {
			fd              int32
			events, revents int16
		}{fd: int32(fd)}
		var now syscall.Timespec
		n, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		gone = n == 1 && p.revents&pollHangUp != 0
	})
	return gone || closed
}

// withDescriptor calls look with the descriptor of a stream that has one, unless the stream is closed.
func withDescriptor(stream io.ReadCloser, look func(fd uintptr)) (closed bool) {
	file, ok := stream.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	return err == nil && raw.Control(look) != nil
}
