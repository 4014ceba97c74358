// Package bounded keeps what other programs print, up to a bound.
package bounded

import "bytes"

// Buffer keeps the first bytes that are written to it, and takes the rest, so that the writer is not stopped by a broken pipe.
type Buffer struct {
	Limit int    // in bytes
	Full  func() // called once there is more, and again with each further write; nil for nothing

	kept     bytes.Buffer // not embedded: its ReadFrom would go round the bound
	exceeded bool
}

// Write implements io.Writer. It does not fail.
func (b *Buffer) Write(p []byte) (int, error) {
	room := b.Limit - b.kept.Len()
	if len(p) <= room {
		return b.kept.Write(p)
	}
	b.kept.Write(p[:room])
	b.exceeded = true
	if b.Full != nil {
		b.Full()
	}
	return len(p), nil
}

// Bytes are those that were kept. They are the buffer's.
func (b *Buffer) Bytes() []byte { return b.kept.Bytes() }

// Exceeded reports whether there was more.
func (b *Buffer) Exceeded() bool { return b.exceeded }
