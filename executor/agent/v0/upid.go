package v0

import (
	"fmt"
	"net"
	"strings"
)

// upid is the address of a libprocess process, "slave(1)@10.0.0.7:5051".
type upid struct {
	id      string
	address string // host:port
}

func (u upid) String() string { return u.id + "@" + u.address }

// parseUPID reads what a message says of its sender. That ends up in the head of our own messages, so only what libprocess
// itself makes is accepted.
func parseUPID(s string) (upid, error) {
	id, address, found := strings.Cut(s, "@")
	host, port, err := net.SplitHostPort(address)
	if !found || err != nil || id == "" || host == "" || port == "" || strings.ContainsFunc(s, notInUPID) {
		return upid{}, fmt.Errorf("%.100q is no libprocess address such as slave(1)@10.0.0.7:5051", s)
	}
	return upid{id, address}, nil
}

func notInUPID(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`/\?#%"`, c) }
