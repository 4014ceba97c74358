package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxCredentialsFile is far more than any file of credentials has.
const maxCredentialsFile = 1 << 20

// readBeneath reads a small regular file of a sandbox. The sandbox belongs to the task's user and this process is root, so
// nothing in it is trusted: no component of the path may be a symbolic link, and nothing is opened that is not a regular file,
// neither a fifo, on which an open would hang, nor a device. os.ErrNotExist is in the error if the file does not exist.
//
// The path is walked with one openat a component instead of openat2 with RESOLVE_NO_SYMLINKS, which says the same in one call
// but needs Linux 5.6.
func readBeneath(sandbox, path string) ([]byte, error) {
	at, err := unix.Open(sandbox, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: sandbox, Err: err}
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
	// The descriptor names the file that was judged, whatever the path leads to by now.
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", at))
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.Unwrap(err)}
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxCredentialsFile+1))
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.Unwrap(err)}
	}
	if len(content) > maxCredentialsFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxCredentialsFile)
	}
	return content, nil
}
