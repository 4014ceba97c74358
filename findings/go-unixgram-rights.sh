#!/usr/bin/env bash
# Go 1.26, package net: a file descriptor cannot be sent over a connected datagram socket, although the address that would be in the
# way is nil. (*net.UnixConn).WriteMsgUnix of a connection that net.DialUnix("unixgram", …) has made fails before any system call with
# net.ErrWriteToConnected, "use of WriteTo with pre-connected connection". The same call on a connected stream socket works, and so
# does the system call on the connected datagram socket: sendmsg(2) without an address. So what systemd's sd_pid_notify_with_fds does
# (FDSTORE=1 to NOTIFY_SOCKET) cannot be written with a dialled connection; it takes sendmsg on a socket of one's own.
#
# Output seen:
#   unix      WriteMsgUnix with nil address: <nil>
#   unixgram  WriteMsgUnix with nil address: write unixgram @->…: use of WriteTo with pre-connected connection
#   unixgram  sendmsg on the same socket: <nil>
#   unixgram  received "FDSTORE=1" with 1 descriptor
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOTOOLCHAIN=local GOFLAGS=-mod=mod
cat >go.mod <<'END'
module finding
go 1.26
require golang.org/x/sys v0.35.0
END
cat >main.go <<'END'
package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
}

func main() {
	stream, err := net.ListenUnix("unix", &net.UnixAddr{Name: "stream", Net: "unix"})
	must(err)
	s, err := net.DialUnix("unix", nil, stream.Addr().(*net.UnixAddr))
	must(err)
	rights := unix.UnixRights(0)
	_, _, streamErr := s.WriteMsgUnix([]byte("x"), rights, nil)
	fmt.Println("unix      WriteMsgUnix with nil address:", streamErr)

	receiver, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "datagram", Net: "unixgram"})
	must(err)
	d, err := net.DialUnix("unixgram", nil, receiver.LocalAddr().(*net.UnixAddr))
	must(err)
	_, _, datagramErr := d.WriteMsgUnix([]byte("FDSTORE=1"), rights, nil)
	fmt.Println("unixgram  WriteMsgUnix with nil address:", datagramErr)

	raw, err := d.SyscallConn()
	must(err)
	var callErr error
	must(raw.Control(func(fd uintptr) { callErr = unix.Sendmsg(int(fd), []byte("FDSTORE=1"), rights, nil, 0) }))
	fmt.Println("unixgram  sendmsg on the same socket:", callErr)
	body, oob := make([]byte, 100), make([]byte, unix.CmsgSpace(4))
	n, on, _, _, err := receiver.ReadMsgUnix(body, oob)
	must(err)
	messages, err := unix.ParseSocketControlMessage(oob[:on])
	must(err)
	fmt.Printf("unixgram  received %q with %d descriptor\n", body[:n], len(messages))

	if streamErr != nil || !errors.Is(datagramErr, net.ErrWriteToConnected) || callErr != nil || len(messages) != 1 {
		fmt.Println("it behaves otherwise now")
		os.Exit(1)
	}
}
END
go run .
