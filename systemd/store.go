package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// storeName is the name under which systemd keeps the socket for executors.
const storeName = "executors"

// keep hands systemd the listener, whose file from then on outlives the process (sd_pid_notify_with_fds: a message with the
// descriptor attached). Without systemd it does nothing.
func keep(listener *net.UnixListener) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("have systemd keep the socket: %w", err)
	}
	defer unix.Close(socket)
	raw, err := listener.SyscallConn()
	if err != nil {
		return fmt.Errorf("have systemd keep the socket: %w", err)
	}
	var sendErr error
	// Not by File, whose Fd may take O_NONBLOCK from the socket, which both descriptors share.
	err = raw.Control(func(fd uintptr) {
		sendErr = unix.Sendmsg(socket, []byte("FDSTORE=1\nFDNAME="+storeName), unix.UnixRights(int(fd)), &unix.SockaddrUnix{Name: address}, unix.MSG_NOSIGNAL)
	})
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("have systemd keep the socket: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	return nil
}

// forget has systemd close what it keeps.
func forget() error { return notify("FDSTOREREMOVE=1\nFDNAME=" + storeName) }
