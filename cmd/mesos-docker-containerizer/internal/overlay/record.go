package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mesos-docker-containerizer/internal/regularfile"

	"golang.org/x/sys/unix"
)

// RecordName is the file in the folder by which it is known as ours. It keeps what setup needs to undo its work.
const RecordName = ".mesos-docker-containerizer.json"

// Record is what lies in that file. It is a format: a later release undoes what an earlier one has set up.
type Record struct {
	Stock string          `json:"stock"`           // the folder of Mesos's helpers
	State json.RawMessage `json:"state,omitempty"` // its meaning is setup's
}

// maxRecord is far above what setup keeps. The folder may belong to another user, and the file in it may have no end.
const maxRecord = 16 << 20

// ReadRecord reads the record of the folder at path. The error wraps fs.ErrNotExist where there is none.
func ReadRecord(path string) (Record, error) {
	var r Record
	content, err := regularfile.Read(filepath.Join(path, RecordName), maxRecord)
	if err != nil {
		return r, fmt.Errorf("record of the setup: %w", err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("record of the setup: %s: %w", filepath.Join(path, RecordName), err)
	}
	return r, nil
}

// WriteRecord replaces the record, on the disk when it returns: it has to outlive what it makes possible to undo.
func WriteRecord(path string, r Record) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record of the setup: %w", err)
	}
	temporary := filepath.Join(path, aside+"record")
	if err := writeSynced(temporary, append(content, '\n')); err != nil {
		return errors.Join(fmt.Errorf("record of the setup: %w", err), removeIfThere(temporary))
	}
	if err := os.Rename(temporary, filepath.Join(path, RecordName)); err != nil {
		return errors.Join(fmt.Errorf("record of the setup: %w", err), removeIfThere(temporary))
	}
	if err := syncDirectory(path); err != nil {
		return fmt.Errorf("record of the setup: %w", err)
	}
	return nil
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Remove removes the folder with its record, if nothing is in it but links. The caller holds [Lock].
func Remove(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("remove the overlay: %w", err)
	}
	if err := (Overlay{Path: path}).foreign(entries); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == RecordName {
			continue // last, so that what is left of a failed removal is known as ours
		}
		if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
			return fmt.Errorf("remove the overlay: %w", err)
		}
	}
	if err := removeIfThere(filepath.Join(path, RecordName)); err != nil {
		return fmt.Errorf("remove the overlay: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the overlay: %w", err)
	}
	return nil
}

// Lock makes the folder if need be and keeps a second setup out until release is called, which removes a folder that is empty.
// Nobody but root and us may be able to change what the path leads to: the agent runs as root what lies there. Users have to be
// able to come in: executors that run as a task's user start the helpers of their checks from here.
func Lock(path string) (release func(), err error) {
	_, err = os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := Trusted(path); err != nil { // before anything is made or changed where another user may have put a link
		return nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	discard := func() {
		if fresh {
			_ = os.Remove(path) // fails unless it is empty
		}
	}
	if err := Trusted(path); err != nil { // another user may have been faster where all can make files
		discard()
		return nil, err
	}
	directory, err := lockDirectory(path)
	if err != nil {
		discard()
		return nil, err
	}
	return func() { discard(); directory.Close() }, nil
}

// lockDirectory returns the folder with a lock that ends when it is closed.
func lockDirectory(path string) (*os.File, error) {
	directory, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	err = directory.Chmod(0o755) // whatever the umask
	if err == nil {
		err = accessible(path)
	}
	if err == nil {
		err = unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	switch {
	case err == nil:
		return directory, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("another setup works on %s", path)
	default:
		err = fmt.Errorf("lock the overlay %s: %w", path, err)
	}
	return nil, errors.Join(err, directory.Close())
}
