package v0

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"go.uber.org/zap"
	"pgregory.net/rapid"
)

// An agent that asks twice for a re-registration gets one, whatever the first link is about when it asks again.
func TestLinkAnswersOnceOrNot(t *testing.T) {
	r := &run{Connection: &Connection{logger: zap.NewNop()}, outbox: newOutbox()}
	r.identity.Store(&identity{})
	hello := opening{name: reregisterExecutor, body: []byte("hello")}
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := connected(t)
		defer theirs.Close()
		l := &link{run: r}
		ctx, cancel := context.WithCancel(context.Background())
		var both sync.WaitGroup
		var answered bool
		var err error
		ask := func() { answered = l.answered() }
		deliver := func() { defer ours.Close(); err = l.deliver(ctx, ours, hello) }
		switch rapid.SampledFrom([]string{"asked first", "both at once"}).Draw(t, "order") {
		case "asked first":
			ask()
			both.Go(deliver)
		default:
			both.Go(deliver)
			ask()
		}
		if answered {
			cancel() // once it has written
		}
		written, _ := io.ReadAll(io.LimitReader(theirs, 1))
		cancel()
		both.Wait()
		if (len(written) > 0) != answered || answered == errors.Is(err, errSuperseded) {
			t.Fatalf("the link took the agent for answered: %t; it has written something: %t, %v", answered, len(written) > 0, err)
		}
	})
}

// connected returns both ends of a TCP connection.
func connected(t *rapid.T) (ours, theirs net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if ours, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
