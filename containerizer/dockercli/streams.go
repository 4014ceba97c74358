package dockercli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/conversation"
)

// signalBacklog is how many of a client's signals wait for the command. The kernel, too, keeps only one of a kind.
const signalBacklog = 32

var errUnexpectedFrame = errors.New("the client sent what it was not asked for")

// streams are a client's, as the command sees them.
type streams struct {
	ctx     context.Context // ends with the client
	conn    *conversation.Conn
	stdin   *stdin
	signals chan syscall.Signal
	sizes   chan conversation.Size
	ends    chan conversation.OutputEnd
}

func newStreams(ctx context.Context, conn *conversation.Conn) *streams {
	return &streams{
		ctx: ctx, conn: conn,
		stdin:   &stdin{ctx: ctx, conn: conn, pieces: make(chan []byte, 1)},
		signals: make(chan syscall.Signal, signalBacklog),
		sizes:   make(chan conversation.Size, 1),
		ends:    make(chan conversation.OutputEnd, 1),
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
	if kind != conversation.KindCall {
		return Call{}, fmt.Errorf("%w: kind %d in place of a call", errUnexpectedFrame, kind)
	}
	asked, err := conversation.Decode[conversation.Call](body)
	if err != nil {
		return Call{}, err
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return Call{}, err
	}
	call := Call{
		Home:    string(asked.Home),
		Stdin:   s.stdin,
		Stdout:  s.conn.Writer(conversation.KindStdout),
		Stderr:  s.conn.Writer(conversation.KindStderr),
		Signals: s.signals,
		Terminal: Terminal{
			Stdin: asked.StdinTerminal, Stdout: asked.StdoutTerminal,
			Sizes: s.sizes,
			Raw:   func() error { return s.conn.Send(conversation.KindRaw, nil) },
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

// receive hands on what the client sends until it goes away or talks nonsense. It never waits for the command, so that it sees
// the end of the client at once.
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

func (s *streams) take(kind conversation.Kind, body []byte) error {
	switch kind {
	case conversation.KindCall:
		return errUnexpectedFrame
	case conversation.KindStdin:
		return s.stdin.put(append([]byte(nil), body...))
	case conversation.KindStdinEnd:
		return s.stdin.put(nil)
	case conversation.KindSignal:
		signal, err := conversation.Decode[conversation.Signal](body)
		if err != nil {
			return err
		}
		select {
		case s.signals <- syscall.Signal(signal.Number):
		default:
		}
	case conversation.KindSize:
		size, err := conversation.Decode[conversation.Size](body)
		if err != nil {
			return err
		}
		s.resize(size)
	case conversation.KindOutputEnd:
		end, err := conversation.Decode[conversation.OutputEnd](body)
		if err != nil {
			return err
		}
		select {
		case s.ends <- end: // one for each connection, of which there is no second before the first has ended
		default:
			return errUnexpectedFrame
		}
	}
	return nil // a later client may have more to say
}

// resize keeps the newest size for the command. It is called by one goroutine at a time.
func (s *streams) resize(size conversation.Size) {
	select {
	case <-s.sizes:
	default:
	}
	s.sizes <- size
}

// Created implements RunClient.
func (s *streams) Created(c conversation.Container) error {
	return s.conn.SendJSON(conversation.KindContainer, c)
}

// Output implements RunClient.
func (s *streams) Output(o conversation.Output, file *os.File) error {
	return s.conn.SendFile(conversation.KindOutput, o, file)
}

// OutputEnds implements RunClient.
func (s *streams) OutputEnds() <-chan conversation.OutputEnd { return s.ends }

// SignalTaken implements RunClient.
func (s *streams) SignalTaken(signal syscall.Signal) {
	_ = s.conn.SendJSON(conversation.KindSignalTaken, conversation.Signal{Number: int(signal)}) // a client that is gone is seen by who receives
}

// sayAlive tells the client that its command is being carried out, until ctx ends.
func (s *streams) sayAlive(ctx context.Context) {
	ticker := time.NewTicker(conversation.AliveInterval)
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

// stdin is the client's, read piece by piece as the command reads it. One goroutine may read.
type stdin struct {
	ctx    context.Context
	conn   *conversation.Conn
	pieces chan []byte // holds the answer to one request; nil is the end
	rest   []byte      // of the piece before
	ended  bool
}

// put takes a piece from the client.
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
		if err := s.conn.Send(conversation.KindReadStdin, nil); err != nil {
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
