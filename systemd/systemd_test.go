package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestListenerMakesTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "executor.sock")
	l, err := Listener(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listener(path); !errors.Is(err, ErrSocketInUse) {
		t.Errorf("a second listener: %v", err)
	}
	l.SetUnlinkOnClose(false) // as after kill -9
	l.Close()
	again, err := Listener(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestOpenTo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: giving a file to a group needs root")
	}
	path := filepath.Join(t.TempDir(), "executor.sock")
	l, err := Listener(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := OpenTo(path, 54321); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != groupMode || owner.Uid != 0 || owner.Gid != 54321 {
		t.Errorf("mode %v, owner %d:%d", info.Mode(), owner.Uid, owner.Gid)
	}
	if err := OpenTo(path+"x", 54321); err == nil {
		t.Error("a socket that does not exist is opened")
	}
}

func TestListenerLeavesOtherFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listener(path); err == nil {
		t.Error("listens at a plain file")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "x" {
		t.Errorf("the file: %q, %v", text, err)
	}
}

// The daemon must be told to notify, and systemd to keep its socket.
func TestUnit(t *testing.T) {
	for file, lines := range map[string][]string{
		"mesos-docker-containerizer.service": {"Type=notify", "ExecStart=/usr/bin/mesos-docker-containerizer serve",
			"RuntimeDirectory=mesos-docker-containerizer", "RuntimeDirectoryPreserve=yes", "WatchdogSec=60", "FileDescriptorStoreMax=1"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("%s lacks %q", file, line)
			}
		}
		if strings.Contains(string(text), "Requires=docker") {
			t.Errorf("%s: the Engine is wanted, not required", file)
		}
	}
}

func TestNotifications(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	next := func() string {
		t.Helper()
		l.SetReadDeadline(time.Now().Add(time.Minute))
		buffer := make([]byte, 100)
		n, err := l.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	if err := Ready(); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "20000")
	if err := Ready(); err != nil || next() != "READY=1" {
		t.Errorf("Ready: %v", err)
	}
	if err := Status("2 tasks\nmore"); err != nil || next() != "STATUS=2 tasks more" {
		t.Errorf("Status: %v", err)
	}
	if err := Stopping(); err != nil || next() != "STOPPING=1" {
		t.Errorf("Stopping: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	if err := Watchdog(ctx, &group); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	cancel()
	group.Wait()
}
