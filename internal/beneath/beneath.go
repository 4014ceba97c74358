// Package beneath opens files in directories that belong to other users, such as the sandbox of a task.
package beneath

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Open opens a regular file for reading, by a relative path below a directory. The directory's owner may be hostile, and this process
// root, so no component of the path may be a symbolic link, and only regular files are opened: the open of a fifo would block, and one
// of a device may have effects. The error wraps os.ErrNotExist if the file does not exist.
func Open(directory, path string) (*os.File, error) {
	at, err := unix.Open(directory, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: directory, Err: err}
	}
	defer func() { _ = unix.Close(at) }()
	components := strings.Split(path, "/")
	for i, name := range components {
		if name == "" || name == "." || name == ".." {
			return nil, fmt.Errorf("%s is not a plain relative path", path)
		}
		fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		_ = unix.Close(at)
		at = fd
		want, kind := uint32(unix.S_IFDIR), "directory"
		if i == len(components)-1 {
			want, kind = unix.S_IFREG, "regular file"
		}
		var stat unix.Stat_t
		if err := unix.Fstat(at, &stat); err != nil {
			return nil, &os.PathError{Op: "stat", Path: path, Err: err}
		}
		if stat.Mode&unix.S_IFMT != want {
			return nil, fmt.Errorf("%s is not a %s; symbolic links are not followed", strings.Join(components[:i+1], "/"), kind)
		}
	}
	// The descriptor refers to the file that was checked, even if the path has changed.
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", at))
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.Unwrap(err)}
	}
	return file, nil
}
