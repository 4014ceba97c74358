// Package systemd is the daemon's side of its unit: the socket that systemd keeps while the daemon restarts, readiness, the line
// that systemctl status shows, and the watchdog. Without systemd the same calls make the socket or do nothing. The unit itself lies
// beside this file.
package systemd

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// socketMode is root's alone: who can attach can have the Engine do things.
const socketMode = 0o600

// ErrSocketInUse says that a process listens at the path already.
var ErrSocketInUse = errors.New("another process listens there")

// Listener returns the listener for path: the one that systemd has kept since the daemon before, else a new one, which systemd is
// given to keep (FileDescriptorStoreMax of the unit). While the daemon restarts, executors queue there. When the unit is stopped,
// systemd closes it, so that nothing starts the daemon again.
//
// A file left by a daemon that was killed is replaced; one that a process listens at is not. Without systemd the file is removed when
// the listener is closed.
func Listener(path string) (*net.UnixListener, error) {
	passed, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("sockets from systemd: %w", err)
	}
	kept := passed[storeName]
	delete(passed, storeName)
	if len(passed) > 0 {
		names := slices.Sorted(maps.Keys(passed))
		return nil, fmt.Errorf("the unit is passed sockets that are not its own (%s): disable the .socket unit, since the daemon makes its socket itself",
			strings.Join(names, ", "))
	}
	if listener := choose(kept, path); listener != nil {
		return listener, nil
	}
	if len(kept) > 0 {
		if err := forget(); err != nil {
			return nil, err
		}
	}
	listener, err := Listen(path)
	if err != nil {
		return nil, err
	}
	if err := keep(listener); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// choose returns the listener at path and closes the others: the flag socket names another path now, or the file has been removed, so
// that no executor could reach it.
func choose(kept []net.Listener, path string) (chosen *net.UnixListener) {
	for _, l := range kept {
		u, isUnix := l.(*net.UnixListener)
		if isUnix && chosen == nil && u.Addr().String() == path && isSocket(path) {
			chosen = u
			continue
		}
		if isUnix && u.Addr().String() != path {
			u.SetUnlinkOnClose(true)
		}
		if l != nil { // it is where systemd has kept what is no listener
			l.Close()
		}
	}
	return chosen
}

func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}

// Listen makes the socket at path, root's alone, as Listener does, but for this process alone.
func Listen(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("socket directory: %w", err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen at %s: %w", path, ErrSocketInUse)
	}
	if isSocket(path) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove stale socket: %w", err)
		}
	}
	// The mode must be right from the start: between a listen and a chmod anybody could connect.
	old := unix.Umask(0o777 &^ socketMode)
	defer unix.Umask(old)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	return listener, nil
}

// groupMode is that of a socket that a group may connect to.
const groupMode = 0o660

// OpenTo lets a group connect to the socket at path, which another process may have made. The owner of the file is left as it is.
func OpenTo(path string, gid int) error {
	if err := os.Lchown(path, -1, gid); err != nil {
		return fmt.Errorf("open the socket to group %d: %w", gid, err)
	}
	if err := os.Chmod(path, groupMode); err != nil {
		return fmt.Errorf("open the socket to group %d: %w", gid, err)
	}
	return nil
}
