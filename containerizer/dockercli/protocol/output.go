package protocol

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The Engine's multiplexed format: each piece has a header of eight bytes, of which the first names the stream and the last four
// are the length of what follows, most significant byte first.
const (
	pieceHeader = 8
	ofStdin     = 0
	ofStdout    = 1
	ofStderr    = 2
	ofEngine    = 3 // its own complaint about the stream
)

// CopyOutput takes a container's output apart until it ends, and is nil at its regular end. A stream that is not wanted is
// written to io.Discard. It gives up at a writer that fails.
func CopyOutput(stream io.Reader, tty bool, stdout, stderr io.Writer) error {
	reader := bufio.NewReaderSize(stream, MaxData)
	if tty {
		_, err := reader.WriteTo(stdout)
		return err
	}
	for {
		var header [pieceHeader]byte
		if _, err := io.ReadFull(reader, header[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		to := stdout
		switch header[0] {
		case ofStdin, ofStdout:
		case ofStderr, ofEngine:
			to = stderr
		default:
			return fmt.Errorf("output of the container: a piece of the unknown stream %d", header[0])
		}
		if err := copyPiece(to, reader, int(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return err
		}
	}
}

// copyPiece writes what comes as it comes: a piece may be long.
func copyPiece(to io.Writer, reader *bufio.Reader, size int) error {
	for size > 0 {
		if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
			return fmt.Errorf("output of the container: %w", io.ErrUnexpectedEOF)
		} else if err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		part, err := reader.Peek(min(size, reader.Buffered()))
		if err != nil {
			return err
		}
		if _, err := to.Write(part); err != nil {
			return err
		}
		if _, err := reader.Discard(len(part)); err != nil {
			return err
		}
		size -= len(part)
	}
	return nil
}
