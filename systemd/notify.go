package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Ready tells systemd that executors are served.
func Ready() error { return notify(daemon.SdNotifyReady) }

// Reloading tells systemd that settings are read again; Ready says when that is over. A unit of Type=notify-reload needs the time.
func Reloading() error {
	return notify(daemon.SdNotifyReloading + "\n" + strings.TrimSuffix(daemon.SdNotifyMonotonicUsec(), "\n"))
}

// Stopping tells systemd that the daemon is on its way down.
func Stopping() error { return notify(daemon.SdNotifyStopping) }

// Status tells systemd what `systemctl status` shows of the daemon, one line.
func Status(line string) error { return notify("STATUS=" + strings.ReplaceAll(line, "\n", " ")) }

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
