package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
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
