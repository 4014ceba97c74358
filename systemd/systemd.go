// Package systemd is the daemon's side of its unit: the sockets that systemd holds while the daemon restarts, readiness, and
// the watchdog. Without systemd the same calls make the socket or do nothing. The units themselves lie beside this file.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// socketMode is root's alone: who can attach can have the Engine do things.
const socketMode = 0o600

// ErrSocketInUse says that a process listens at the path already.
var ErrSocketInUse = errors.New("another process listens there")

// Listener returns the listener for path: the one systemd passed, if it did, else a new one, whose file is removed when it is
// closed. A file left by a daemon that was killed is replaced; one that somebody listens at is not.
func Listener(path string) (*net.UnixListener, error) {
	passed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("sockets from systemd: %w", err)
	}
	for _, l := range passed {
		if unix, ok := l.(*net.UnixListener); ok && unix.Addr().String() == path {
			return unix, nil
		}
	}
	if len(passed) > 0 {
		return nil, fmt.Errorf("systemd passes %d sockets, none of them %s: the .socket unit and the flag socket must name the same path", len(passed), path)
	}
	return Listen(path)
}

// Listen makes the socket at path, root's alone, as Listener does where systemd has passed none.
func Listen(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("socket directory: %w", err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen at %s: %w", path, ErrSocketInUse)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
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

// OpenTo lets a group connect to the socket at path, whoever made it. The owner of the file is left as it is.
func OpenTo(path string, gid int) error {
	if err := os.Lchown(path, -1, gid); err != nil {
		return fmt.Errorf("open the socket to group %d: %w", gid, err)
	}
	if err := os.Chmod(path, groupMode); err != nil {
		return fmt.Errorf("open the socket to group %d: %w", gid, err)
	}
	return nil
}

// Ready tells systemd that executors are served.
func Ready() error { return notify(daemon.SdNotifyReady) }

// Stopping tells systemd that the daemon is on its way down.
func Stopping() error { return notify(daemon.SdNotifyStopping) }

func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Watchdog tells systemd that the daemon lives, twice in each of the intervals the unit asks for, until ctx ends. A daemon that
// is stopped or starved misses its turn, and systemd starts it anew.
func Watchdog(ctx context.Context, group *sync.WaitGroup) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("watchdog: %w", err)
	}
	if interval == 0 {
		return nil
	}
	group.Go(func() {
		ticker := time.NewTicker(interval / 2)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			}
		}
	})
	return nil
}
