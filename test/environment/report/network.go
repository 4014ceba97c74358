package report

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Socket is something that accepts connections or datagrams.
type Socket struct {
	Network string `json:"network"` // tcp, tcp6, udp or udp6
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// tcpListen and udpUnconnected are the states in /proc/net that a peer can talk to (include/net/tcp_states.h).
const (
	tcpListen      = "0A"
	udpUnconnected = "07"
)

func listening() ([]Socket, error) {
	var all []Socket
	for _, table := range []struct{ network, state string }{
		{"tcp", tcpListen}, {"tcp6", tcpListen}, {"udp", udpUnconnected}, {"udp6", udpUnconnected},
	} {
		b, err := os.ReadFile("/proc/net/" + table.network)
		if errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
			continue
		}
		if err != nil {
			return all, err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 4 || f[3] != table.state {
				continue
			}
			addr, err := parseSocketAddress(f[1])
			if err != nil {
				return all, err
			}
			all = append(all, Socket{Network: table.network, Address: addr.Addr().String(), Port: int(addr.Port())})
		}
	}
	return all, nil
}

// parseSocketAddress reads "0100007F:1F90": 32-bit words in host order, here little-endian, then the port in plain hex.
func parseSocketAddress(s string) (netip.AddrPort, error) {
	a, p, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(a)
	if err != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, fmt.Errorf("unexpected socket address %q", s)
	}
	port, err := strconv.ParseUint(p, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("unexpected port in socket address %q", s)
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

func interfaces() (map[string][]string, error) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	m := make(map[string][]string, len(ifaces))
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil {
			return m, err
		}
		m[i.Name] = []string{}
		for _, a := range addrs {
			m[i.Name] = append(m[i.Name], a.String())
		}
	}
	return m, nil
}
