package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Run directories of the run subcommand lie side by side, numbered from 0. A run takes the first that no process holds. So the run after
// one that was killed has the same directory. The daemon's identity is the path of its run directory: by it the next run knows the
// containers of the last one as its own, and ends them.

// baseDirectory is where the user's run directories are. It is on a disk, not in /run, as sandboxes can be large and hold
// programs.
func baseDirectory() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/mesos-docker-containerizer/run", nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "mesos-docker-containerizer", "run"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("directory for the run: %w", err)
	}
	return filepath.Join(home, ".local", "state", "mesos-docker-containerizer", "run"), nil
}

// runDirectory is held by this process for as long as its file is open.
type runDirectory struct {
	base, path string
	lock       *os.File // the directory itself
}

// claimDirectory takes the first free directory below base and empties it.
func claimDirectory(base string) (*runDirectory, error) {
	held, err := lockBase(base)
	if err != nil {
		return nil, fmt.Errorf("directory for the run: %w", err)
	}
	defer held.Close()
	for i := 0; ; i++ {
		d := &runDirectory{base: base, path: filepath.Join(base, strconv.Itoa(i))}
		if err := os.MkdirAll(d.path, 0o700); err != nil {
			return nil, fmt.Errorf("directory for the run: %w", err)
		}
		if d.lock, err = os.Open(d.path); err != nil {
			return nil, fmt.Errorf("directory for the run: %w", err)
		}
		err := unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			err = d.empty()
		}
		if err == nil {
			return d, nil
		}
		d.lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("directory for the run: %s: %w", d.path, err)
		}
	}
}

// empty removes what a run left that was killed.
func (d *runDirectory) empty() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(d.path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// release removes the directory, and with the last the base and what was made for that.
func (d *runDirectory) release() error {
	defer d.lock.Close()
	held, err := lockBase(d.base)
	if err != nil {
		return fmt.Errorf("directory of the run: %w", err)
	}
	defer held.Close()
	if err := os.RemoveAll(d.path); err != nil {
		return fmt.Errorf("directory of the run: %w", err)
	}
	if os.Remove(d.base) == nil { // fails while there are others in it
		_ = os.Remove(filepath.Dir(d.base)) // fails if it is used for more than this
	}
	return nil
}

// baseAttempts bounds how often others may remove the base meanwhile. After that something else must be wrong.
const baseAttempts = 1000

// lockBase serialises the making and the removal of directories. It locks the base itself. If another process has removed the base before
// the lock was taken, lockBase makes it again.
func lockBase(base string) (*os.File, error) {
	for attempt := 1; ; attempt++ {
		err := os.MkdirAll(base, 0o700)
		var held *os.File
		if err == nil {
			held, err = os.Open(base)
		}
		// MkdirAll fails with ErrExist if others have made and removed the directory since it looked.
		if (errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist)) && attempt < baseAttempts {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
			held.Close()
			return nil, fmt.Errorf("lock %s: %w", base, err)
		}
		locked, err := held.Stat()
		if err == nil {
			var current os.FileInfo
			if current, err = os.Stat(base); err == nil && os.SameFile(locked, current) {
				return held, nil
			}
		}
		held.Close()
		if err != nil && (!errors.Is(err, os.ErrNotExist) || attempt >= baseAttempts) {
			return nil, err
		}
	}
}
