package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tcp connects and closes the connection at once. A refused connection is a result too.
func (p *prober) tcp(ctx context.Context) Result {
	t := p.spec.TCP
	what := "TCP connection to " + hostPort(t.Port, t.IPv6)
	if err := portError(t.Port); err != nil {
		return p.failed(ctx, what, err)
	}
	conn, err := p.target.dial(ctx, netip.AddrPortFrom(loopback(t.IPv6), uint16(t.Port)))
	if err != nil {
		result := p.failed(ctx, what, err)
		_, result.Ran = errors.AsType[*connectError](err)
		return result
	}
	conn.Close()
	return Result{Ran: true, Succeeded: true, Message: what + " was accepted"}
}

// loopback returns the address of the container's server.
func loopback(ipv6 bool) netip.Addr {
	if ipv6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// hostPort returns the address of the container's server as text.
func hostPort(port uint32, ipv6 bool) string {
	return net.JoinHostPort(loopback(ipv6).String(), strconv.FormatUint(uint64(port), 10))
}

// connectError is the network's refusal of a connection, as opposed to an attempt that failed before that.
type connectError struct{ errno error }

func (e *connectError) Error() string { return e.errno.Error() }
func (e *connectError) Unwrap() error { return e.errno }

// dial connects to an address in the container's network.
func (t Target) dial(ctx context.Context, address netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	namespace, err := t.openNamespace()
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	family := unix.AF_INET
	if address.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := socketIn(namespace, family)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	if err := connect(ctx, file, sockaddr(address)); err != nil {
		return nil, err
	}
	conn, err := net.FileConn(file) // a duplicate of the descriptor
	if err != nil {
		return nil, fmt.Errorf("use the connection: %w", err)
	}
	return conn, nil
}

func sockaddr(address netip.AddrPort) unix.Sockaddr {
	if address.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
}

// connect connects a non-blocking socket. It blocks no thread.
func connect(ctx context.Context, socket *os.File, to unix.Sockaddr) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var answer error
	err = raw.Write(func(fd uintptr) bool {
		// A repeated connect returns the state of the attempt.
		answer = unix.Connect(int(fd), to)
		for errors.Is(answer, unix.EINTR) {
			answer = unix.Connect(int(fd), to)
		}
		if errors.Is(answer, unix.EISCONN) {
			answer = nil
		}
		if answer == nil && connectedToItself(int(fd)) {
			answer = unix.ECONNREFUSED
		}
		return !errors.Is(answer, unix.EINPROGRESS) && !errors.Is(answer, unix.EALREADY)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case answer != nil:
		return &connectError{answer}
	}
	return nil
}

// connectedToItself detects a socket whose own port is the port it connects to. TCP connects such a socket to itself although no
// server listens. It happens with ports of the ephemeral range.
func connectedToItself(fd int) bool {
	own, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	peer, err := unix.Getpeername(fd)
	return err == nil && addressOf(own) == addressOf(peer)
}

func addressOf(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port))
	default:
		return netip.AddrPort{}
	}
}
