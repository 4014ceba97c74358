package v0

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

// processID is what the stock executor calls itself.
const processID = "executor(1)"

// listen opens the socket for the agent's messages and returns it with the address for the agent. A task can override the variables,
// so listen ignores unusable values and logs a warning.
func listen(ctx context.Context, v agent.Libprocess, agentAddress string, logger *zap.Logger) (net.Listener, upid, error) {
	host := route(ctx, agentAddress)
	bind := host
	if v.AdvertiseIP != "" {
		bind = ""
	}
	if v.IP != "" {
		bind = v.IP
		if ip, err := netip.ParseAddr(v.IP); err == nil && !ip.IsUnspecified() {
			host = v.IP
		}
	}
	port := cmp.Or(v.Port, "0")
	listener, err := listenOn(ctx, bind, port)
	if err != nil && port != "0" {
		logger.Warn("LIBPROCESS_PORT cannot be used; the task may have set it", zap.String("port", v.Port), zap.Error(err))
		listener, err = listenOn(ctx, bind, "0")
	}
	if err != nil && v.IP != "" {
		logger.Warn("LIBPROCESS_IP cannot be used; the task may have set it", zap.String("ip", v.IP), zap.Error(err))
		host = route(ctx, agentAddress)
		listener, err = listenOn(ctx, host, "0")
	}
	if err != nil {
		return nil, upid{}, fmt.Errorf("listen for the agent's messages: %w", err)
	}
	port = strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	host, port = advertised(v, host, port, logger)
	return listener, upid{processID, net.JoinHostPort(host, port)}, nil
}

// listenOn accepts addresses only. It does not look up names, because the task may have written them.
func listenOn(ctx context.Context, ip, port string) (net.Listener, error) {
	if ip != "" {
		if _, err := netip.ParseAddr(ip); err != nil {
			return nil, err
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort(ip, port))
}

func advertised(v agent.Libprocess, host, port string, logger *zap.Logger) (string, string) {
	if v.AdvertiseIP != "" {
		if ip, err := netip.ParseAddr(v.AdvertiseIP); err == nil && !ip.IsUnspecified() {
			host = v.AdvertiseIP
		} else {
			logger.Warn("LIBPROCESS_ADVERTISE_IP is no address and not used; the task may have set it", zap.String("ip", v.AdvertiseIP))
		}
	}
	if v.AdvertisePort != "" {
		if n, err := strconv.ParseUint(v.AdvertisePort, 10, 16); err == nil && n != 0 {
			port = v.AdvertisePort
		} else {
			logger.Warn("LIBPROCESS_ADVERTISE_PORT is no port and not used; the task may have set it", zap.String("port", v.AdvertisePort))
		}
	}
	return host, port
}

// route returns our own address on the way to the agent, which runs on our host. No packet is sent.
func route(ctx context.Context, agentAddress string) string {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", agentAddress)
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}

// upid is the address of a libprocess process, "slave(1)@10.0.0.7:5051".
type upid struct {
	id      string
	address string // host:port
}

func (u upid) String() string { return u.id + "@" + u.address }

// parseUPID parses the sender of a message. Our own messages repeat it in their head, so it accepts only what libprocess itself
// writes.
func parseUPID(s string) (upid, error) {
	id, address, found := strings.Cut(s, "@")
	host, port, err := net.SplitHostPort(address)
	if !found || err != nil || id == "" || host == "" || port == "" || strings.ContainsFunc(s, notInUPID) {
		return upid{}, fmt.Errorf("%.100q is no libprocess address such as slave(1)@10.0.0.7:5051", s)
	}
	return upid{id, address}, nil
}

func notInUPID(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`/\?#%"`, c) }
