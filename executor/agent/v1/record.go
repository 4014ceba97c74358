package v1

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"mesos-docker-containerizer/executor/agent"
)

const (
	// maxRecord bounds one event. mesos-go's own reader stops at 4 MiB, less than the TaskInfo of a large app; a framework's
	// message to the master is bounded by far less than this.
	maxRecord = 64 << 20

	// maxLengthDigits is more than the decimal digits of maxRecord and of any length an agent sends.
	maxLengthDigits = 20
)

// errFraming says that the stream is not RecordIO. What follows in it cannot be understood.
var errFraming = errors.New("the agent's event stream is not RecordIO: expected a decimal length and a newline")

// oversizedError is the error for a record beyond the limit.
type oversizedError struct {
	limit int
}

func (e *oversizedError) Error() string {
	return fmt.Sprintf("the agent sent an event of more than %d MiB, the largest that is accepted", e.limit>>20)
}

// recordReader splits a stream into records (RecordIO, contract 5.1): the decimal length, a newline, that many bytes.
// It keeps no record once it is returned. It is a framing.Reader of mesos-go.
type recordReader struct {
	stream *bufio.Reader
	limit  int
	size   int // of the record returned last
}

func newRecordReader(stream io.Reader, limit int) *recordReader {
	// The buffer serves the lengths and small records; a larger record bypasses it.
	return &recordReader{stream: bufio.NewReaderSize(stream, 256), limit: limit}
}

// ReadFrame returns the next record that is not empty. The error is io.EOF where the stream ends between two records and
// io.ErrUnexpectedEOF where it ends within one. After an error the reader must not be used.
func (r *recordReader) ReadFrame() ([]byte, error) {
	for {
		n, err := r.length()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		r.size = n
		return r.record(n)
	}
}

func (r *recordReader) length() (int, error) {
	n := 0
	for digits := 0; ; digits++ {
		c, err := r.stream.ReadByte()
		switch {
		case err == io.EOF && digits > 0:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case c == '\n' && digits > 0:
			return n, nil
		case c < '0' || c > '9' || digits == maxLengthDigits:
			return 0, errFraming
		}
		// Before the multiplication, so that no length overflows.
		if n = n*10 + int(c-'0'); n > r.limit {
			return 0, &oversizedError{limit: r.limit}
		}
	}
}

func (r *recordReader) record(n int) ([]byte, error) {
	buf := make([]byte, 0, min(n, agent.FirstAllocation))
	for {
		got, err := io.ReadFull(r.stream, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+got]
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || len(buf) == n {
			return buf, err
		}
		grown := make([]byte, len(buf), min(n, 4*cap(buf)))
		copy(grown, buf)
		buf = grown
	}
}
