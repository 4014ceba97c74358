package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// ErrPeer says that the process that listens is neither root's nor the caller's own.
var ErrPeer = errors.New("the listener is not root's")

// Dial connects to a Unix socket. The process that listens there must be root's, or the caller's own user's where a person runs
// everything themselves: another user's could pose as the daemon and be handed tasks and commands.
func Dial(ctx context.Context, socket string) (*net.UnixConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	unix := conn.(*net.UnixConn)
	peer, err := Peer(unix)
	if err == nil && peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
		err = fmt.Errorf("%w: %s belongs to user %d", ErrPeer, socket, peer.Uid)
	}
	if err != nil {
		unix.Close()
		return nil, err
	}
	return unix, nil
}

// Peer returns process and user at the other end of a Unix connection, as they were when the peer connected or began to listen.
func Peer(unix *net.UnixConn) (*syscall.Ucred, error) {
	raw, err := unix.SyscallConn()
	if err != nil {
		return nil, err
	}
	var credentials *syscall.Ucred
	var optErr error
	err = raw.Control(func(fd uintptr) {
		credentials, optErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return nil, err
	}
	if optErr != nil {
		return nil, os.NewSyscallError("getsockopt", optErr)
	}
	return credentials, nil
}

// OneByte reads a byte at a time, so that a buffer in front of it takes nothing of the frames, and their files, that follow an HTTP
// answer.
func OneByte(from io.Reader) io.Reader { return oneByte{from} }

type oneByte struct{ from io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.from.Read(p[:min(len(p), 1)]) }
