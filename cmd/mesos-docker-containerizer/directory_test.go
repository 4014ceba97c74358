package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDirectoriesAreReused(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	claim := func() *runDirectory {
		d, err := claimDirectory(base)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first, second := claim(), claim()
	if first.path != filepath.Join(base, "0") || second.path != filepath.Join(base, "1") {
		t.Errorf("directories are %s and %s", first.path, second.path)
	}
	left := filepath.Join(first.path, "work", "file")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	first.lock.Close() // as by kill -9
	if again := claim(); again.path != first.path {
		t.Errorf("the directory of a run that was killed is %s, the next has %s", first.path, again.path)
	} else if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what it left is still there: %v", err)
	} else if err := again.release(); err != nil {
		t.Error(err)
	}
	if err := second.release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(base); !os.IsNotExist(err) {
		t.Errorf("the base is still there: %v", err)
	}
}

// TestDirectoriesAreNeverShared claims and releases from many goroutines, each of which must find the directory its own.
func TestDirectoriesAreNeverShared(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				d, err := claimDirectory(base)
				if err != nil {
					t.Error(err)
					return
				}
				mark := filepath.Join(d.path, "mark")
				file, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					t.Error(err)
				} else {
					file.Close()
				}
				if err := d.release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if _, err := os.Stat(base); !os.IsNotExist(err) {
		t.Errorf("the base is still there: %v", err)
	}
}

func TestLockOfTheBaseIsOfWhatIsThere(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	held, err := lockBase(base)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan *os.File)
	go func() {
		file, err := lockBase(base)
		if err != nil {
			t.Error(err)
		}
		second <- file
	}()
	if err := os.Remove(base); err != nil { // before the other gets its lock, or before it looks: both must end well
		t.Fatal(err)
	}
	held.Close()
	file := <-second
	defer file.Close()
	var of, at unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &of); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(base, &at); err != nil || of.Ino != at.Ino {
		t.Errorf("the lock is of inode %d, the base has %d (%v)", of.Ino, at.Ino, err)
	}
}
