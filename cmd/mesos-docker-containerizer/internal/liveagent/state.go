package liveagent

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// State is by what a master knows an agent. What the agent does not tell is empty, and so is what is no id, name or address: while an
// agent is down any user can listen on its port, so all fields but Version can stand in a command line as they are.
type State struct {
	// Version is as in Seen.
	Version string
	// ID is the agent's id, empty until a master has registered it.
	ID string
	// Hostname and IP are those of the machine in the master's maintenance schedule (src/master/master.cpp, machineId).
	Hostname, IP string
	// Master is HOST:PORT of a master. It is the leader or sends callers there. An agent that finds its master by ZooKeeper tells only
	// its host, and the port is Mesos's default.
	Master string
	// Scheme is "http" or "https": that of the agent, and as a rule of its master.
	Scheme string
}

const masterPort = "5050"

// State asks the agent. With an error that is ErrDenied there are version and scheme.
func (a *Agent) State(ctx context.Context) (State, error) {
	scheme, version, _, err := a.greet(ctx)
	if err != nil {
		return State{}, err
	}
	s := State{Version: version, Scheme: scheme}
	var told struct {
		Version, ID, PID, Hostname string
		MasterHostname             string `json:"master_hostname"`
		Flags                      struct{ Master string }
	}
	_, err = a.get(ctx, scheme, "/state", &told)
	if errors.Is(err, errAbsent) {
		_, err = a.get(ctx, scheme, "/state.json", &told)
	}
	if err != nil {
		return s, err
	}
	s.Version = cmp.Or(s.Version, told.Version)
	s.ID, s.Hostname = plain(told.ID), plain(told.Hostname)
	_, address, _ := strings.Cut(told.PID, "@") // slave(1)@10.0.0.7:5051
	if parsed, err := netip.ParseAddrPort(address); err == nil && parsed.Addr().Zone() == "" {
		s.IP = parsed.Addr().String()
	}
	if host := plain(told.MasterHostname); host != "" {
		s.Master = net.JoinHostPort(host, masterPort)
	}
	s.Master = cmp.Or(hostPort(told.Flags.Master), s.Master)
	return s, nil
}

var plainText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// plain is a text if that is an id or a name of a host, and else empty.
func plain(text string) string {
	if !plainText.MatchString(text) {
		return ""
	}
	return text
}

// hostPort is the agent's flag master if that is an address, and not of ZooKeeper or the name of a file.
func hostPort(flag string) string {
	host, port, err := net.SplitHostPort(flag)
	if err != nil {
		return ""
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); plain(host) == "" && (err != nil || ip.Zone() != "") {
		return ""
	}
	return net.JoinHostPort(host, port)
}
