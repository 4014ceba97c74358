package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxCredentialsFile is far more than a file of credentials needs.
const maxCredentialsFile = 1 << 20

// readBeneath reads a small regular file in a sandbox. The task's user owns the sandbox and this process is root, so no component
// of the path may be a symbolic link, and only regular files are opened: the open of a fifo would block, and one of a device may
// have effects. The error wraps os.ErrNotExist if the file does not exist.
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
	// The descriptor refers to the file that was checked, even if the path has changed.
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
