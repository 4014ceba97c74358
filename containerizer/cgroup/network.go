package cgroup

import (
	"fmt"
	"strings"
)

// Network returns how many bytes the interfaces of a process's network, without the loopback, have received and sent. Whether the
// network is the process's own, and whether the pid still is whose it was, is the caller's to know.
func Network(pid int) (received, sent int64, err error) {
	text, err := read(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return 0, 0, err
	}
	received, sent = interfaces(text)
	return received, sent, nil
}

// interfaces adds up the lines of a net/dev, which are "NAME: " and eight counters of what was received and as many of what was sent,
// each beginning with the bytes. Names have no spaces and may have colons.
func interfaces(text string) (received, sent int64) {
	for line := range strings.Lines(text) {
		colon := strings.LastIndexByte(line, ':')
		if colon < 0 || strings.TrimSpace(line[:colon]) == "lo" {
			continue
		}
		if counters := strings.Fields(line[colon+1:]); len(counters) >= 9 {
			received += number(counters[0])
			sent += number(counters[8])
		}
	}
	return received, sent
}
