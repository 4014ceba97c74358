package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/transport"
)

// DialDaemon returns a dial function for the daemon's socket.
func DialDaemon(socket string) func(context.Context) (*wire.Conn, error) {
	return func(ctx context.Context) (*wire.Conn, error) {
		unix, err := transport.Dial(ctx, socket)
		if err != nil {
			return nil, err
		}
		return wire.NewConn(unix), nil
	}
}

// Waits between two attempts to reach the daemon. It is usually there, and when it restarts systemd holds its socket.
const (
	redialMin = 50 * time.Millisecond
	redialMax = 2 * time.Second
)

// link keeps a connection to the daemon and turns it into events.
type link struct {
	dial   func(context.Context) (*wire.Conn, error)
	events chan linkEvent
}

// sender is the loop's side of a connection to the daemon.
type sender interface {
	Send(wire.Message, *os.File) error
	CloseWrite() error
}

// linkEvent is a new connection (conn), a message on it, or its end (err). The receiver owns file.
type linkEvent struct {
	conn    sender
	message wire.Message
	file    io.ReadCloser
	err     error
}

// run ends with ctx. It closes each connection it made.
func (l *link) run(ctx context.Context) {
	wait := redialMin
	for ctx.Err() == nil {
		conn, err := l.dial(ctx)
		if err != nil {
			l.emit(ctx, linkEvent{err: err})
			wait = pause(ctx, wait)
			continue
		}
		began := time.Now()
		l.serve(ctx, conn)
		if time.Since(began) > redialMax {
			wait = redialMin
		}
		wait = pause(ctx, wait)
	}
}

// pause waits for about wait and returns the next, longer wait.
func pause(ctx context.Context, wait time.Duration) time.Duration {
	_ = agent.Sleep(ctx, wait/2+rand.N(wait)) // its error is ctx's, which the caller sees
	return min(2*wait, redialMax)
}

func (l *link) serve(ctx context.Context, conn *wire.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	if !l.emit(ctx, linkEvent{conn: conn}) {
		return
	}
	for {
		message, file, err := conn.Receive()
		if errors.Is(err, transport.ErrFrame) || errors.Is(err, transport.ErrFrameTooLarge) {
			err = fmt.Errorf("the daemon sent a frame that this version cannot read: %w", err)
		}
		event := linkEvent{message: message, err: err}
		if file != nil {
			event.file = file
		}
		if !l.emit(ctx, event) {
			if file != nil {
				file.Close()
			}
			return
		}
		if err != nil {
			return
		}
	}
}

func (l *link) emit(ctx context.Context, event linkEvent) bool {
	select {
	case l.events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}
