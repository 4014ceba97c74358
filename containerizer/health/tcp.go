package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
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
	fd, err := p.network.dial(ctx, netip.AddrPortFrom(loopback(t.IPv6), uint16(t.Port)))
	if err != nil {
		result := p.failed(ctx, what, err)
		_, result.Ran = errors.AsType[*connectError](err)
		return result
	}
	unix.Close(fd)
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

// dial returns a non-blocking socket that is connected to an address in the container's network.
func (n *containerNetwork) dial(ctx context.Context, address netip.AddrPort) (fd int, err error) {
	if err := ctx.Err(); err != nil {
		return -1, err
	}
	family := unix.AF_INET
	if address.Addr().Is6() {
		family = unix.AF_INET6
	}
	if fd, err = n.socket(family); err != nil {
		return -1, err
	}
	if err := connect(ctx, fd, sockaddr(address)); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func sockaddr(address netip.AddrPort) unix.Sockaddr {
	if address.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
}

// longestLook bounds the time between two looks at a connection that is being made.
const longestLook = 100 * time.Millisecond

// connect connects a non-blocking socket. On loopback the second look has the outcome, unless the server accepts nothing and its queue
// is full: then the kernel tries again once a second and less often, so looks cost less than a poller would.
func connect(ctx context.Context, fd int, to unix.Sockaddr) error {
	for wait := time.Duration(0); ; wait = min(2*wait+time.Millisecond, longestLook) {
		// A repeated connect returns the state of the attempt.
		err := unix.Connect(fd, to)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EINPROGRESS), errors.Is(err, unix.EALREADY):
			if wait > 0 && !pause(ctx, wait) {
				return ctx.Err()
			}
			continue
		case err != nil && !errors.Is(err, unix.EISCONN):
			return &connectError{err}
		case connectedToItself(fd, to):
			return &connectError{unix.ECONNREFUSED}
		}
		return nil
	}
}

// connectedToItself detects a socket whose own port is the port it connects to. TCP connects such a socket to itself although no
// server listens. It happens with ports of the ephemeral range.
func connectedToItself(fd int, to unix.Sockaddr) bool {
	own, err := unix.Getsockname(fd)
	return err == nil && addressOf(own) == addressOf(to)
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
