package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mesos-docker-containerizer/config"

	"golang.org/x/sys/unix"
)

// newMode is that of a file that was not there before; flags are no secrets, and the daemon reads them too.
const newMode = 0o644

// kind is what stands at a file's path.
type kind string

const (
	absent  kind = "absent"
	regular kind = "file"
	symlink kind = "symlink" // to a file with the content
)

// file is all of a flag's file that can be put back. Its fields are a format, within the overlay's record.
type file struct {
	Kind    kind        `json:"kind"`
	Target  string      `json:"target,omitempty"` // of a symlink
	Content []byte      `json:"content,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	UID     int         `json:"uid"`
	GID     int         `json:"gid"`
}

// value is what the agent takes from the file.
func (f file) value() string { return strings.TrimRight(string(f.Content), "\n") }

func (f file) equal(other file) bool {
	if f.Kind != other.Kind || f.Target != other.Target {
		return false
	}
	// What lies behind a link is not ours to write, so it does not count either.
	return f.Kind != regular || bytes.Equal(f.Content, other.Content) && f.Mode == other.Mode && f.UID == other.UID && f.GID == other.GID
}

// read looks at a flag's file. Anything that is neither a file of text nor a link to one is an error.
func read(path string) (file, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return file{Kind: absent}, nil
	}
	if err != nil {
		return file{}, err
	}
	f := file{Kind: regular, Mode: info.Mode().Perm()}
	if info.Mode().Type() == fs.ModeSymlink {
		f.Kind = symlink
		if f.Target, err = os.Readlink(path); err != nil {
			return file{}, err
		}
		if info, err = os.Stat(path); err != nil {
			return file{}, err
		}
	}
	if !info.Mode().IsRegular() || info.Size() > config.MaxFile {
		return file{}, fmt.Errorf("%s is not a file with a flag's value", path)
	}
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return file{}, fmt.Errorf("%s: %w", path, err)
	}
	f.UID, f.GID = int(stat.Uid), int(stat.Gid)
	f.Content, err = os.ReadFile(path)
	return f, err
}

// write makes path what f says, in one step.
//
// The file is made in a hidden directory beside it: start scripts turn every file of the directory into a flag (mesos-init-wrapper
// takes "*", ClusterD's every file that find prints, hidden ones too), and an agent must not be started with half a file or one
// of ours too many.
func (f file) write(path string) (err error) {
	if f.Kind == absent {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	aside, err := os.MkdirTemp(filepath.Dir(path), ".mesos-docker-containerizer-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	temporary := filepath.Join(aside, filepath.Base(path))
	if f.Kind == symlink {
		err = os.Symlink(f.Target, temporary)
	} else {
		err = f.create(temporary)
	}
	if err == nil {
		err = os.Lchown(temporary, f.UID, f.GID)
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func (f file) create(path string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(f.Content)
	if err == nil {
		err = out.Chmod(f.Mode)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// with is the file that has another value in the place of f.
func (f file) with(value string) file {
	next := file{Kind: regular, Content: []byte(value + "\n"), Mode: newMode, UID: os.Geteuid(), GID: os.Getegid()}
	if f.Kind == regular {
		next.Mode, next.UID, next.GID = f.Mode, f.UID, f.GID
	}
	return next
}
