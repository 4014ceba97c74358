package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mesos-docker-containerizer/containerizer/policy"

	"golang.org/x/sys/unix"
)

// Trusted is an error where others than root and us can change what an absolute path leads to, now or later: what lies there, a
// directory on the way, or a link. What is not there yet is trusted as far as the path exists.
func Trusted(path string) error {
	return walk(path, func(step string, stat *unix.Stat_t) error {
		owned := stat.Uid == 0 || int(stat.Uid) == os.Geteuid()
		link := stat.Mode&unix.S_IFMT == unix.S_IFLNK // its mode means nothing
		shared := !link && stat.Mode&0o022 != 0 && stat.Mode&unix.S_ISVTX == 0
		if owned && !shared {
			return nil
		}
		return fmt.Errorf("others than root can change %s (owner %d, mode %04o), and the agent runs as root what %s leads to: choose another folder",
			step, stat.Uid, stat.Mode&0o7777, path)
	})
}

// accessible is an error where users cannot enter a directory.
func accessible(path string) error {
	return walk(path, func(step string, stat *unix.Stat_t) error {
		if stat.Mode&0o001 != 0 {
			return nil
		}
		return fmt.Errorf("users cannot enter %s (mode %04o), and executors that run as a task's user start the helpers of their health checks from the overlay: "+
			"open it (chmod o+x), or choose another folder with --overlay", step, stat.Mode&0o7777)
	})
}

// walk goes from / along a path as Linux does, through each link, and has every directory, link and the last step looked at. It
// ends where there is nothing.
func walk(path string, look func(step string, stat *unix.Stat_t) error) error {
	at, left, links := "/", names(path), 0
	for {
		var stat unix.Stat_t
		switch err := unix.Lstat(at, &stat); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := look(at, &stat); err != nil {
			return err
		}
		if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if links++; links > policy.MaxLinks {
				return fmt.Errorf("%s: %w", path, unix.ELOOP)
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(target) {
				at = "/"
			}
			left = append(names(target), left...)
		}
		if len(left) == 0 {
			return nil
		}
		at, left = filepath.Join(at, left[0]), left[1:]
	}
}

// names are the steps of a path. Those that go up stay: behind a link they lead elsewhere than its name says.
func names(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
