// Package stdcopy reads the output of containers in the format in which Docker sends stdout and stderr on one connection.
//
// Docker's own reader of it is in a module that the executor and the docker command are too small to link.
package stdcopy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A frame of the format has a header of eight bytes: the first names the stream, the last four are the length of what follows,
// most significant byte first.
const (
	headerSize = 8
	stdin      = 0 // shown as stdout
	stdout     = 1
	stderr     = 2
	system     = 3 // the Engine's own complaint about the stream
)

// bufferSize is the size in bytes of the one buffer that the output passes through.
const bufferSize = 16 << 10

// recordSize is how many bytes of a line an Engine's log keeps in one record.
const recordSize = 16 << 10

// Record is what is known of the last record of a stream in an Engine's log.
type Record struct {
	open bool // its line goes on in the next

	// Unended is true if it is the rest of a line of several records and has no newline: the log lost that (CopyLog), or the container
	// ended without.
	Unended bool
}

func (r *Record) begin(to io.Writer) error {
	if r == nil || !r.Unended {
		return nil
	}
	_, err := to.Write([]byte{'\n'})
	return err
}

// end takes the size and the last byte of a record.
func (r *Record) end(size int64, last byte) {
	if r == nil {
		return
	}
	partial := last != '\n'
	r.Unended, r.open = r.open && partial && size < recordSize, partial && size == recordSize
}

// Copy writes a container's output to out and errs until the stream ends. With a terminal (tty) the stream has no frames and all of
// it goes to out. An end between two frames is no error. What comes is written as it comes, so a long frame holds nothing up; an
// error of a writer ends the copying.
func Copy(stream io.Reader, tty bool, out, errs io.Writer) error {
	return copyStream(stream, tty, target{to: out}, target{to: errs})
}

// CopyLog is Copy for an Engine's log, where each frame is a record. Some log drivers lose the newline of a line that takes several
// records (local of Engine 20.10, journald): it is added when another record follows, for only the last of all can be without.
// With a terminal that cannot be told. The result is what is known at the end.
//
// The error is an *EngineError if the Engine could not go on.
func CopyLog(stream io.Reader, tty bool, out, errs io.Writer) (stdout, stderr Record, err error) {
	err = copyStream(stream, tty, target{out, &stdout}, target{errs, &stderr})
	return stdout, stderr, err
}

// EngineError is what the Engine says in place of the rest of a log: that its file is damaged, say.
type EngineError struct{ Text string }

func (e *EngineError) Error() string { return e.Text }

// maxComplaint bounds that in bytes.
const maxComplaint = 1 << 10

// target is where a stream goes.
type target struct {
	to     io.Writer
	record *Record // nil unless the stream is a log
}

func copyStream(stream io.Reader, tty bool, out, errs target) error {
	reader := bufio.NewReaderSize(stream, bufferSize)
	if tty {
		_, err := reader.WriteTo(out.to)
		return err
	}
	for {
		var header [headerSize]byte
		if _, err := io.ReadFull(reader, header[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		to, size := out, int64(binary.BigEndian.Uint32(header[4:]))
		switch header[0] {
		case stdin, stdout:
		case stderr, system:
			to = errs
		default:
			return fmt.Errorf("output of the container: frame of unknown stream %d", header[0])
		}
		if header[0] == system && to.record != nil {
			text, _ := io.ReadAll(io.LimitReader(reader, min(size, maxComplaint)))
			return &EngineError{strings.TrimSpace(string(text))}
		}
		if err := to.copyFrame(reader, size); err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
	}
}

// copyFrame writes the next n bytes straight from the reader's own buffer.
func (t target) copyFrame(reader *bufio.Reader, size int64) error {
	if err := t.record.begin(t.to); err != nil {
		return err
	}
	var last byte
	for n := size; n > 0; {
		if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
		part, err := reader.Peek(int(min(n, int64(reader.Buffered()))))
		if err != nil {
			return err
		}
		last = part[len(part)-1]
		if _, err := t.to.Write(part); err != nil {
			return err
		}
		if _, err := reader.Discard(len(part)); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	t.record.end(size, last)
	return nil
}
