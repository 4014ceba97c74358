package systemd

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells systemd that executors are served.
func Ready() error { return notify(daemon.SdNotifyReady) }

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
