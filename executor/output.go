package executor

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"mesos-docker-containerizer/transport/stdcopy"
)

// outputEnd is the end of a stream, with the time of its last byte; zero if it had none.
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
	end.err = stdcopy.Copy(stream, tty, out, errs)
	return end
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
