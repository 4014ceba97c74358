package transport

import (
	"errors"
	"net"
	"testing"
)

// Large frames share a budget, and give back what they have of it. Small ones need none.
func TestBudget(t *testing.T) {
	budget := NewBudget(300 << 10)
	format := Format{Limit: func(byte) int { return 1 << 20 }}
	pair := func() (sender, receiver *Conn) {
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		sender, receiver = New(a, format, nil), New(b, format, nil)
		receiver.Restrict(250<<10, budget)
		return sender, receiver
	}
	receive := func(sender, receiver *Conn, size int) error {
		sent := make(chan struct{})
		go func() { defer close(sent); _ = sender.Send(0, make([]byte, size), nil) }()
		frame, err := receiver.Receive()
		if err == nil && len(frame.Body) != size {
			t.Errorf("a body of %d bytes, want %d", len(frame.Body), size)
		}
		if err != nil {
			receiver.Close() // the sender waits
		}
		<-sent
		return err
	}
	first, one := pair()
	second, two := pair()
	third, three := pair()
	fourth, four := pair()
	for i, step := range []struct {
		sender, receiver *Conn
		size             int
		want             error
	}{
		{first, one, 250 << 10, nil},
		{second, two, bodyStep, nil},
		{second, two, bodyStep + 1, ErrBudget},
		{third, three, 250<<10 + 1, ErrFrameTooLarge},
	} {
		if err := receive(step.sender, step.receiver, step.size); !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
		two.Release() // it has nothing
	}
	one.Release()
	one.Release()
	if err := receive(fourth, four, 250<<10); err != nil {
		t.Error(err)
	}
	four.Release()
	if left := budget.left.Load(); left != 300<<10 {
		t.Errorf("%d bytes are left", left)
	}
}
