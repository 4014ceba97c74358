package environment

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Exclusive holds a name until the test ends, and waits while a test of another process holds it. It is for tests that act upon
// the whole Engine, since packages are tested side by side.
func Exclusive(t testing.TB, name string) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "mesos-docker-containerizer-test-"+name+".lock"), os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() }) // which gives it up
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

// ImageCleanUp is the name for tests in which images are cleaned up.
const ImageCleanUp = "image-clean-up"
