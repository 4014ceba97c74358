package v0

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/agent/secure"
)

const (
	// maxConnections bounds how many connections are served at once. An agent has one or two.
	maxConnections = 64

	// requestTimeout bounds the time of one message, and the silence of a new connection. Between two messages an agent may be silent
	// without limit.
	requestTimeout = time.Minute

	// answerTimeout bounds how long a sender may leave our answers unread. Its messages still count.
	answerTimeout = 5 * time.Second
)

// message is one libprocess message.
type message struct {
	from upid
	name string // without mesos.internal.
	body []byte

	// connection numbers the connection it came on, in the order in which they were made: messages that come on different ones
	// may overtake each other.
	connection uint64
}

// server receives the agent's messages. Each connection has its own goroutine, so that none waits for another's peer.
type server struct {
	self     upid
	listener net.Listener
	secure   *secure.TLS // nil for none
	trusts   func(peer netip.Addr) bool
	messages chan<- message
	logger   *zap.Logger
}

// serve accepts connections until ctx ends, and has no goroutine left when it returns.
func (s *server) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { s.listener.Close() })
	defer stop()
	slots := make(chan struct{}, maxConnections)
	var connections sync.WaitGroup
	defer connections.Wait()
	for number := uint64(1); ; number++ {
		conn, err := s.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			s.logger.Warn("cannot accept a connection", zap.Error(err))
			if agent.Sleep(ctx, 100*time.Millisecond) != nil { // such as too many open files
				return
			}
			continue
		}
		if !s.acceptable(conn) {
			conn.Close()
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			s.logger.Warn("too many connections, one is refused", zap.Int("connections", maxConnections))
			conn.Close()
			continue
		}
		connections.Go(func() {
			s.connection(ctx, conn, number)
			<-slots
		})
	}
}

// acceptable reports whether a connection comes from the agent's address: the known one or, since the agent runs on our host, the
// address at which it has reached us.
func (s *server) acceptable(conn net.Conn) bool {
	peer, ok := addressOf(conn.RemoteAddr())
	local, _ := addressOf(conn.LocalAddr())
	if ok && (peer == local || s.trusts(peer)) {
		return true
	}
	s.logger.Warn("a connection that is not the agent's is refused", zap.Stringer("peer", conn.RemoteAddr()))
	return false
}

func addressOf(a net.Addr) (netip.Addr, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	address, ok := netip.AddrFromSlice(tcp.IP)
	return address.Unmap(), ok
}

// connection serves one connection to its end. A connection without a byte is an agent that checks whether we live.
func (s *server) connection(ctx context.Context, conn net.Conn, number uint64) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer func() { conn.Close() }()
	conn.SetReadDeadline(time.Now().Add(requestTimeout))
	if s.secure != nil {
		secured, err := s.secure.Accept(ctx, conn)
		if err != nil {
			s.logger.Debug("a connection was not secured", zap.Error(err))
			return
		}
		conn = secured
	}
	reader := bufio.NewReaderSize(conn, 512)
	for answered := true; ; {
		req, err := readRequest(reader)
		if err != nil {
			s.ended(ctx, conn, err)
			return
		}
		code, err := s.handle(ctx, req, number)
		if err != nil {
			return
		}
		answered = answered && answer(conn, code)
		if req.last {
			return
		}
		if reader.Buffered() == 0 {
			conn.SetReadDeadline(time.Time{})
			if _, err := reader.Peek(1); err != nil {
				s.ended(ctx, conn, err)
				return
			}
		}
		conn.SetReadDeadline(time.Now().Add(requestTimeout))
	}
}

// ended logs why a connection has ended, unless that is its regular end.
func (s *server) ended(ctx context.Context, conn net.Conn, err error) {
	if ctx.Err() != nil || err == io.EOF {
		return
	}
	if errors.Is(err, errRequest) {
		answer(conn, 400)
		s.logger.Warn("a connection is closed for what it said", zap.Stringer("peer", conn.RemoteAddr()), zap.Error(err))
		return
	}
	s.logger.Debug("a connection broke", zap.Error(err))
}

// handle passes a message on and returns the status of the answer. It fails only with ctx's error.
func (s *server) handle(ctx context.Context, req *request, number uint64) (code int, err error) {
	name, isMessage := strings.CutPrefix(req.name, messagePrefix)
	switch {
	case req.receiver != s.self.id || !isMessage:
		return 404, nil
	case req.method != "POST":
		return 405, nil
	}
	from, err := parseUPID(req.sender)
	if err != nil {
		s.logger.Warn("a message without a sender is ignored", zap.String("message", name), zap.Error(err))
		return 400, nil
	}
	select {
	case s.messages <- message{from: from, name: name, body: req.body, connection: number}:
		return 202, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

var phrases = map[int]string{202: "Accepted", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}

// answer sends the status of a message and reports whether that succeeded. Senders discard the answer, and some never read it.
func answer(conn net.Conn, code int) bool {
	conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", code, phrases[code])
	return err == nil
}
