package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Lock makes the folder if need be and keeps a second setup out until release is called, which removes a folder that is empty.
// Nobody but root and us may be able to change what the path leads to: the agent runs as root what lies there. Users have to be
// able to come in: executors that run as a task's user start the helpers of their checks from here.
func Lock(path string) (release func(), err error) {
	_, err = os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := Trusted(path); err != nil { // before anything is made or changed where somebody else may have put a link
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
	if err := Trusted(path); err != nil { // somebody may have been faster where everybody can make things
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
