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

// Copy writes a container's output to out and errs until the stream ends. With a terminal (tty) the stream has no frames and all of
// it goes to out. An end between two frames is no error. What comes is written as it comes, so a long frame holds nothing up; an
// error of a writer ends the copying.
func Copy(stream io.Reader, tty bool, out, errs io.Writer) error {
	reader := bufio.NewReaderSize(stream, bufferSize)
	if tty {
		_, err := reader.WriteTo(out)
		return err
	}
	for {
		var header [headerSize]byte
		if _, err := io.ReadFull(reader, header[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		to := out
		switch header[0] {
		case stdin, stdout:
		case stderr, system:
			to = errs
		default:
			return fmt.Errorf("output of the container: frame of unknown stream %d", header[0])
		}
		if err := copyFrame(to, reader, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
	}
}

// copyFrame writes the next n bytes straight from the reader's own buffer.
func copyFrame(to io.Writer, reader *bufio.Reader, n int64) error {
	for n > 0 {
		if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
		part, err := reader.Peek(int(min(n, int64(reader.Buffered()))))
		if err != nil {
			return err
		}
		if _, err := to.Write(part); err != nil {
			return err
		}
		if _, err := reader.Discard(len(part)); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return nil
}
