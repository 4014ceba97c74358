package dockercli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// signalBacklog is how many signals of a client wait for the command. The kernel keeps only one of each kind as well.
const signalBacklog = 32

var errUnexpectedFrame = errors.New("the client sent what it was not asked for")

// streams are a client's streams as the command sees them.
type streams struct {
	ctx     context.Context // ends with the client
	conn    *protocol.Conn
	stdin   *stdin
	signals chan syscall.Signal
	sizes   chan protocol.Size
	ends    chan protocol.OutputEnd
}

func newStreams(ctx context.Context, conn *protocol.Conn) *streams {
	return &streams{
		ctx: ctx, conn: conn,
		stdin:   &stdin{ctx: ctx, conn: conn, pieces: make(chan []byte, 1)},
		signals: make(chan syscall.Signal, signalBacklog),
		sizes:   make(chan protocol.Size, 1),
		ends:    make(chan protocol.OutputEnd, 1),
	}
}

// receiveCall receives the client's first frame.
func (s *streams) receiveCall(limit time.Duration) (Call, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return Call{}, err
	}
	kind, body, err := s.conn.Receive()
	if err != nil {
		return Call{}, fmt.Errorf("wait for the call: %w", err)
	}
	if kind != protocol.KindCall {
		return Call{}, fmt.Errorf("%w: kind %d in place of a call", errUnexpectedFrame, kind)
	}
	asked, err := protocol.Decode[protocol.Call](body)
	if err != nil {
		return Call{}, err
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return Call{}, err
	}
	call := Call{
		Home:    string(asked.Home),
		Stdin:   s.stdin,
		Stdout:  awaited{s.ctx, s.conn.Writer(protocol.KindStdout)},
		Stderr:  awaited{s.ctx, s.conn.Writer(protocol.KindStderr)},
		Signals: s.signals,
		Terminal: Terminal{
			Stdin: asked.StdinTerminal, Stdout: asked.StdoutTerminal,
			Sizes: s.sizes,
			Raw:   func() error { return s.conn.Send(protocol.KindRaw, nil) },
		},
		ID: asked.ID, Again: asked.Again, Client: s,
	}
	for _, a := range asked.Arguments {
		call.Arguments = append(call.Arguments, string(a))
	}
	if asked.Size != nil {
		s.resize(*asked.Size)
	}
	return call, nil
}

// awaited is a writer that fails once ctx has ended. What a command says from then on tells of the daemon's end, and not of its own: the
// client asks the next daemon.
type awaited struct {
	ctx context.Context
	to  io.Writer
}

func (w awaited) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.to.Write(p)
}

// receive passes on the client's frames until the client leaves or sends an invalid one. It never waits for the command, so it
// notices at once when the client leaves.
func (s *streams) receive() {
	for {
		kind, body, err := s.conn.Receive()
		if err == nil {
			err = s.take(kind, body)
		}
		if err != nil {
			return
		}
	}
}

func (s *streams) take(kind protocol.Kind, body []byte) error {
	switch kind {
	case protocol.KindCall:
		return errUnexpectedFrame
	case protocol.KindStdin:
		return s.stdin.put(append([]byte(nil), body...))
	case protocol.KindStdinEnd:
		return s.stdin.put(nil)
	case protocol.KindSignal:
		signal, err := protocol.Decode[protocol.Signal](body)
		if err != nil {
			return err
		}
		select {
		case s.signals <- syscall.Signal(signal.Number):
		default:
		}
	case protocol.KindSize:
		size, err := protocol.Decode[protocol.Size](body)
		if err != nil {
			return err
		}
		s.resize(size)
	case protocol.KindOutputEnd:
		end, err := protocol.Decode[protocol.OutputEnd](body)
		if err != nil {
			return err
		}
		select {
		case s.ends <- end: // one for each connection; the second begins after the first has ended
		default:
			return errUnexpectedFrame
		}
	}
	return nil // a later client may have more to say
}

// resize keeps the latest size for the command. Calls must not overlap.
func (s *streams) resize(size protocol.Size) {
	select {
	case <-s.sizes:
	default:
	}
	s.sizes <- size
}

// Created implements RunClient.
func (s *streams) Created(c protocol.Container) error {
	return s.conn.SendJSON(protocol.KindContainer, c)
}

// Output implements RunClient.
func (s *streams) Output(o protocol.Output, file *os.File) error {
	return s.conn.SendFile(protocol.KindOutput, o, file)
}

// OutputEnds implements RunClient.
func (s *streams) OutputEnds() <-chan protocol.OutputEnd { return s.ends }

// SignalTaken implements RunClient.
func (s *streams) SignalTaken(signal syscall.Signal) {
	_ = s.conn.SendJSON(protocol.KindSignalTaken, protocol.Signal{Number: int(signal)}) // a client that is gone is seen by who receives
}

// sayAlive sends signs of life to the client until ctx ends.
func (s *streams) sayAlive(ctx context.Context) {
	ticker := time.NewTicker(protocol.AliveInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if s.conn.SendAlive() != nil {
			return
		}
	}
}

// stdin is the client's input, requested as the command reads it. One goroutine may read.
type stdin struct {
	ctx    context.Context
	conn   *protocol.Conn
	pieces chan []byte // holds the answer to one request; nil is the end
	rest   []byte      // of the piece before
	ended  bool
}

// put stores a piece from the client.
func (s *stdin) put(piece []byte) error {
	select {
	case s.pieces <- piece:
		return nil
	default:
		return errUnexpectedFrame
	}
}

func (s *stdin) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(s.rest) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		if err := s.conn.Send(protocol.KindReadStdin, nil); err != nil {
			return 0, err
		}
		select {
		case s.rest = <-s.pieces:
			s.ended = s.rest == nil
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
