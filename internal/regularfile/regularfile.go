// Package regularfile reads files that other users may have named or made.
package regularfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Read reads a regular file of at most limit bytes, which is a number of MiB. It opens nothing else: to open a device can have effects, to
// open a named pipe can block, and to read either may never end. Symbolic links are followed. Every error is an *fs.PathError.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := check(path, info); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// What was looked at and what was opened need not be the same.
	if info, err = file.Stat(); err == nil {
		err = check(path, info)
	}
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		return nil, refused(path, fmt.Sprintf("it is larger than %d MiB", limit>>20))
	}
	return content, err
}

func check(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return refused(path, "it is a directory and not a file")
	case !info.Mode().IsRegular():
		return refused(path, "it is not a regular file")
	}
	return nil
}

func refused(path, why string) error {
	return &fs.PathError{Op: "read", Path: path, Err: errors.New(why)}
}
