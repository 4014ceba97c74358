package transport

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrBudget says that a frame finds no room in the Budget of its Conn. It may at another time.
var ErrBudget = errors.New("too many large frames are being received")

// Budget bounds what Conns together keep of the large frames that they are receiving.
type Budget struct{ left atomic.Int64 }

// NewBudget returns a Budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.left.Store(bytes)
	return b
}

// Restrict has Receive take no frame of more than limit bytes, and one of more than 64 KiB only if the budget has room for it. The frame
// has that room until Release. Restrict is called by the goroutine that receives.
func (c *Conn) Restrict(limit int, budget *Budget) { c.limit, c.budget = limit, budget }

// Release gives back what the last frame has of the budget: its body is not needed any more. It is called by the goroutine that
// receives, after each Receive.
func (c *Conn) Release() {
	if c.held > 0 {
		c.budget.left.Add(int64(c.held))
		c.held = 0
	}
}

func (c *Conn) reserve(size int) error {
	switch {
	case c.budget == nil || size <= bodyStep && size <= c.limit:
		return nil
	case size > c.limit:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrFrameTooLarge, size, c.limit)
	case c.budget.left.Add(-int64(size)) < 0:
		c.budget.left.Add(int64(size))
		return fmt.Errorf("%w: no room for one of %d bytes", ErrBudget, size)
	}
	c.held = size
	return nil
}
