package v0

import (
	"encoding/binary"
	"errors"
	"math"
)

// errMalformed is the error for bytes that are not a valid protocol buffer.
var errMalformed = errors.New("malformed protocol buffer")

// Wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// encoder appends the fields of a message. The envelopes of this protocol have only bytes, messages and doubles.
type encoder struct{ buf []byte }

func (e *encoder) tag(number, kind int) {
	e.buf = binary.AppendUvarint(e.buf, uint64(number)<<3|uint64(kind))
}

func (e *encoder) bytes(number int, value []byte) {
	e.tag(number, wireBytes)
	e.buf = binary.AppendUvarint(e.buf, uint64(len(value)))
	e.buf = append(e.buf, value...)
}

func (e *encoder) double(number int, value float64) {
	e.tag(number, wireFixed64)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(value))
}

// id appends one of the messages that consist of a text as field 1, such as FrameworkID.
func (e *encoder) id(number int, value string) {
	var inner encoder
	inner.bytes(1, []byte(value))
	e.bytes(number, inner.buf)
}

// fields calls take for each length-delimited field of a message, in order. It skips fields of other types: executors need none of
// them. The value is a part of data.
func fields(data []byte, take func(number int, value []byte) error) error {
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return errMalformed
		}
		data = data[n:]
		value, size, err := field(data, int(tag&7))
		if err != nil {
			return err
		}
		if tag&7 == wireBytes {
			if err := take(int(tag>>3), value); err != nil {
				return err
			}
		}
		data = data[size:]
	}
	return nil
}

// field returns the value of a length-delimited field, nil for other types, and the number of bytes that the field takes.
func field(data []byte, kind int) (value []byte, size int, err error) {
	switch kind {
	case wireVarint:
		if _, size = binary.Uvarint(data); size <= 0 {
			return nil, 0, errMalformed
		}
	case wireFixed64:
		size = 8
	case wireFixed32:
		size = 4
	case wireBytes:
		length, n := binary.Uvarint(data)
		if n <= 0 || length > uint64(len(data)-n) {
			return nil, 0, errMalformed
		}
		size = n + int(length)
		return data[n:size], size, nil
	default:
		return nil, 0, errMalformed
	}
	if size > len(data) {
		return nil, 0, errMalformed
	}
	return nil, size, nil
}

// text returns the value of a message like FrameworkID.
func text(data []byte) (value string, err error) {
	err = fields(data, func(number int, v []byte) error {
		if number == 1 {
			value = string(v)
		}
		return nil
	})
	return value, err
}
