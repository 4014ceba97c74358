package containerizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrRunDirectoryInUse says that another daemon holds the run directory.
var ErrRunDirectoryInUse = errors.New("another mesos-docker-containerizer uses this run directory")

// lockName is the file in the run directory that its daemon keeps locked.
const lockName = "lock"

// instance is the identity under which a daemon owns containers, held for as long as its lock file is open.
type instance struct {
	id   string
	lock *os.File
}

// claim takes the run directory, creating it if need be, root's alone. The identity comes from the machine and the directory's
// path, not from something stored in it: run directories are gone after a reboot, containers are not, and the daemon that
// comes up in the same place has to know them as its own.
func claim(directory string) (*instance, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	real, err := filepath.EvalSymlinks(directory)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(real, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s (choose another with run_dir, or stop the other)", ErrRunDirectoryInUse, real)
		}
		return nil, fmt.Errorf("lock run directory %s: %w", real, err)
	}
	machine, err := os.ReadFile("/etc/machine-id")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		lock.Close()
		return nil, fmt.Errorf("machine identity: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(string(machine)) + "\x00" + real))
	return &instance{id: hex.EncodeToString(sum[:16]), lock: lock}, nil
}

// release lets another daemon have the run directory. It unlocks the file before it closes it, for a child of this process has
// it open, too, between its fork and its exec.
func (i *instance) release() error {
	return errors.Join(unix.Flock(int(i.lock.Fd()), unix.LOCK_UN), i.lock.Close())
}
