package pidfd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stopped reports whether the process was stopped by a signal, and does nothing until it gets SIGCONT.
func (p *Process) Stopped() bool { return p.named.Stopped() }

// HangUp ends the connections that the process has to a Unix socket, for both sides, and returns how many there were. What has arrived can
// still be read. The process keeps the descriptors. It needs Linux 5.6.
func (p *Process) HangUp(socket string) (n int, err error) {
	wanted, err := os.Stat(socket)
	if err != nil {
		return 0, err
	}
	if p.file == nil {
		return 0, fmt.Errorf("hang up connections of process %d: %w", p.named.PID, errors.ErrUnsupported)
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.named.PID))
	if err != nil {
		return 0, err
	}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failures []error
	for _, file := range files {
		if kind, err := os.Readlink(file); err != nil || !strings.HasPrefix(kind, "socket:") {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(file))
		if err != nil {
			continue
		}
		var ended bool
		if controlErr := raw.Control(func(fd uintptr) { ended, err = hangUp(int(fd), number, wanted) }); controlErr != nil {
			return n, controlErr
		}
		if ended {
			n++
		}
		failures = append(failures, err)
	}
	return n, errors.Join(failures...)
}

// hangUp ends one connection if it is one to the socket.
func hangUp(pidfd, number int, socket os.FileInfo) (ended bool, err error) {
	fd, err := unix.PidfdGetfd(pidfd, number, 0)
	if err != nil {
		return false, fmt.Errorf("take descriptor %d of a process: %w", number, err)
	}
	defer unix.Close(fd)
	peer, err := unix.Getpeername(fd)
	unixPeer, ok := peer.(*unix.SockaddrUnix)
	if err != nil || !ok {
		return false, nil // no connection, or one over the network
	}
	if at, err := os.Stat(unixPeer.Name); err != nil || !os.SameFile(at, socket) {
		return false, nil
	}
	return true, unix.Shutdown(fd, unix.SHUT_RDWR)
}
