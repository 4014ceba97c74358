package executor

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// outputBuffer is the size in bytes of the one buffer that the container's output passes through.
const outputBuffer = 16 << 10

// The streams of Docker's multiplexed format: each frame has a header of 8 bytes, the first of which names the stream and the
// last four of which are the length of what follows, most significant byte first.
const (
	frameHeader  = 8
	streamStdin  = 0
	streamStdout = 1
	streamStderr = 2
	streamSystem = 3 // the Engine's own complaint about the stream
)

// outputEnd says that a stream has ended and when its last byte was received; zero if none was.
type outputEnd struct {
	lastByte time.Time
	err      error // nil at the regular end
	lost     error // the first of our own stdout or stderr, nil if all was written
}

// copyOutput writes a container's output stream to the executor's own stdout and stderr until it ends, and closes it. The
// sinks may fail (their reader is a log helper that may die): the stream is then read on, or the container would block.
func copyOutput(stream io.ReadCloser, tty bool, stdout, stderr io.Writer) outputEnd {
	defer stream.Close()
	var end outputEnd
	out, errs := &sink{w: stdout, end: &end}, &sink{w: stderr, end: &end}
	r := bufio.NewReaderSize(stream, outputBuffer)
	if tty {
		_, end.err = r.WriteTo(out)
		return end
	}
	end.err = demultiplex(r, out, errs)
	return end
}

// demultiplex takes the frames apart. A stream that ends within a frame is an error; io.EOF between frames is not.
func demultiplex(r *bufio.Reader, stdout, stderr *sink) error {
	for {
		var header [frameHeader]byte
		if _, err := io.ReadFull(r, header[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("output stream: %w", err)
		}
		w := stdout
		switch header[0] {
		case streamStdin, streamStdout:
		case streamStderr, streamSystem:
			w = stderr
		default:
			return fmt.Errorf("output stream: frame of unknown stream %d", header[0])
		}
		if err := copyFrame(w, r, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return fmt.Errorf("output stream: %w", err)
		}
	}
}

// copyFrame writes the next n bytes straight from the reader's own buffer.
func copyFrame(w *sink, r *bufio.Reader, n int64) error {
	for n > 0 {
		if _, err := r.Peek(1); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
		chunk, err := r.Peek(int(min(n, int64(r.Buffered()))))
		if err != nil {
			return err
		}
		w.Write(chunk)
		r.Discard(len(chunk))
		n -= int64(len(chunk))
	}
	return nil
}

// sink notes when bytes came and never fails. A reader that has gone stays gone; any other error, of a full disk perhaps, may
// pass, so that what comes later is written again.
type sink struct {
	w      io.Writer
	end    *outputEnd
	broken bool
}

func (s *sink) Write(p []byte) (int, error) {
	s.end.lastByte = time.Now()
	if s.broken {
		return len(p), nil
	}
	if _, err := s.w.Write(p); err != nil {
		s.broken = errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed)
		if s.end.lost == nil {
			s.end.lost = err
		}
	}
	return len(p), nil
}
