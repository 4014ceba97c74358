package v0

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

const (
	// linkPatience is how long a link that cannot be made is retried. An agent that has asked for one listens, and it kills us if we
	// send nothing for 2 s. An agent that refuses it has died since, and its successor asks, too.
	linkPatience = 2 * time.Second
	linkRetry    = 100 * time.Millisecond

	// freshLink is how long a link is certainly what it seems to be. Of one that is old the end may have been lost (MESOS-5332).
	freshLink = 10 * time.Second

	// linkTimeout bounds one attempt, TLS included.
	linkTimeout = 10 * time.Second
)

var errAgentClosed = errors.New("the agent closed the connection")

// opening is the first message on a link. Updates recorded behind seen follow it.
type opening struct {
	name string
	body []byte
	seen agent.Cursor
}

// link is our connection to an agent and carries our messages. Its end shows that the agent has died. It belongs to a run.
type link struct {
	run    *run
	agent  upid
	asked  bool // the agent has asked for it
	cancel context.CancelFunc
	done   chan struct{} // closed at the end
	err    error         // why it ended; readable after done

	told atomic.Pointer[telling] // nil before a re-registration is written
}

// telling is when the writing of a re-registration began, and on which connection.
type telling struct {
	conn net.Conn
	at   time.Time
}

// superseded is in the place of the re-registration of a link that must not write one any more.
var superseded = new(telling)

var errSuperseded = errors.New("another link takes the place of this one")

// answered reports whether the agent at the other end has been sent a re-registration a short while ago, and lives. A link that has
// yet to write one does not do so any more: the next link does.
func (l *link) answered() bool {
	if l.told.CompareAndSwap(nil, superseded) {
		return false
	}
	told := l.told.Load()
	if time.Since(told.at) > freshLink {
		return false
	}
	conn := told.conn
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	state := 0 // the first byte of struct tcp_info. What has been read yet of the connection says less.
	if raw.Control(func(fd uintptr) { state, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO) }) != nil || err != nil {
		return false
	}
	const established = 1
	return byte(state) == established
}

// ended is closed when the link has ended by itself or been cancelled. A nil link never ends.
func (l *link) ended() <-chan struct{} {
	if l == nil {
		return nil
	}
	return l.done
}

// live connects, sends the message that hello returns, and delivers updates until the link ends. It returns the reason of the end.
func (l *link) live(parent context.Context, hello func() opening) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	conn, err := l.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to the agent: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var discarding sync.WaitGroup
	defer discarding.Wait()
	defer conn.Close()
	if peer, ok := addressOf(conn.RemoteAddr()); ok {
		l.run.peer.Store(&peer)
	}
	discarding.Go(func() { cancel(discard(conn)) })
	err = l.deliver(ctx, conn, hello())
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return fmt.Errorf("write to the agent: %w", err)
}

// discard reads the agent's answers, which have no meaning, and returns the error that ended the reading.
func discard(conn net.Conn) error {
	var buf [256]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return fmt.Errorf("%w: %w", errAgentClosed, err)
		}
	}
}

// deliver sends the opening and then, one after another, the updates recorded behind it. It ends only with an error.
func (l *link) deliver(ctx context.Context, conn net.Conn, o opening) error {
	if o.name == reregisterExecutor && !l.told.CompareAndSwap(nil, &telling{conn, time.Now()}) {
		return errSuperseded
	}
	if err := l.write(conn, o.name, o.body); err != nil {
		return err
	}
	l.run.logger.Info("linked with the agent", zap.Stringer("agent", l.agent), zap.Stringer("executor_address", l.run.self), zap.String("message", o.name))
	o.body = nil
	for seen := o.seen; ; {
		status, next, err := l.run.outbox.Next(ctx, seen)
		if err != nil {
			return err
		}
		seen = next
		body, err := l.run.identity.Load().statusUpdate(status, l.run.self)
		if err != nil {
			l.run.logger.Error("an update cannot be sent", zap.String("task", status.TaskID.Value), zap.Error(err))
			continue
		}
		if err := l.write(conn, statusUpdate, body); err != nil {
			return err
		}
	}
}

func (l *link) write(conn net.Conn, name string, body []byte) error {
	_, err := conn.Write(appendRequest(nil, l.run.self, l.agent, name, body))
	return err
}

// connect retries for linkPatience.
func (l *link) connect(ctx context.Context) (net.Conn, error) {
	dial := l.dial
	if l.run.secure != nil {
		dial = l.run.secure.Dialer(dial)
	}
	for began := time.Now(); ; {
		attempt, cancel := context.WithTimeout(ctx, linkTimeout)
		conn, err := dial(attempt, "tcp", l.agent.address)
		cancel()
		refused := l.asked && errors.Is(err, syscall.ECONNREFUSED)
		if err == nil || refused || time.Since(began)+linkRetry > linkPatience {
			return conn, err
		}
		if err := agent.Sleep(ctx, linkRetry); err != nil {
			return nil, err
		}
	}
}

// dial connects from the address in our messages if this host has it, because the agent may require that
// (LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH).
func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	if host, _, err := net.SplitHostPort(l.run.self.address); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil {
			dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
		}
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil || ctx.Err() != nil || errors.Is(err, syscall.ECONNREFUSED) {
		return conn, err
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}
