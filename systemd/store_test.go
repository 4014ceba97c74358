package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is systemd's side: it receives notifications and keeps what is stored.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newManager(t *testing.T) *manager {
	path := filepath.Join(t.TempDir(), "notify.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &manager{t, conn, path}
}

// next is a notification with the file that is attached to it, if there is one.
func (m *manager) next() (text string, file *os.File) {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(time.Minute))
	body, control := make([]byte, 200), make([]byte, unix.CmsgSpace(4))
	n, oob, _, _, err := m.conn.ReadMsgUnix(body, control)
	if err != nil {
		m.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:oob])
	if err != nil {
		m.t.Fatal(err)
	}
	if len(messages) == 1 {
		rights, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(rights) != 1 {
			m.t.Fatal(rights, err)
		}
		file = os.NewFile(uintptr(rights[0]), "kept")
		m.t.Cleanup(func() { file.Close() })
	}
	return string(body[:n]), file
}

func TestSystemdKeepsTheSocket(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	path := filepath.Join(t.TempDir(), "executor.sock")
	l, err := Listener(path)
	if err != nil {
		t.Fatal(err)
	}
	text, kept := m.next()
	if text != "FDSTORE=1\nFDNAME=executors" || kept == nil {
		t.Fatalf("systemd is told %q, with the file %v", text, kept)
	}
	flags, err := unix.FcntlInt(kept.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("the socket blocks: flags %x, %v", flags, err)
	}
	l.Close()
	// An executor that comes while there is no daemon waits.
	waiting, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the socket does not outlive the daemon: %v", err)
	}
	defer waiting.Close()
	again, err := net.FileListener(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	accepted, err := again.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
}

func TestSystemdDoesNotAnswer(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody.sock"))
	path := filepath.Join(t.TempDir(), "executor.sock")
	if _, err := Listener(path); err == nil {
		t.Error("nobody keeps the socket, and no error says so")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// childVariable makes this program the daemon of TestListenerFromSystemd.
const childVariable = "LISTENER_CHILD"

// TestListenerFromSystemd starts a process as systemd does, with a listening socket as its descriptor 3.
func TestListenerFromSystemd(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		l, err := Listener(path)
		fmt.Printf("\nchild: %v %v\n", l != nil, err)
		if l != nil {
			l.Close()
		}
		return
	}
	const fine = "child: true <nil>"
	for name, tt := range map[string]struct {
		descriptor string // its name
		moved      bool   // the flag names another path now
		gone       bool   // the file was removed
		want       string
		notes      []string
	}{
		"kept":           {descriptor: storeName, want: fine},
		"another path":   {descriptor: storeName, moved: true, want: fine, notes: []string{"FDSTOREREMOVE=1\nFDNAME=executors", "FDSTORE=1\nFDNAME=executors"}},
		"no file":        {descriptor: storeName, gone: true, want: fine, notes: []string{"FDSTOREREMOVE=1\nFDNAME=executors", "FDSTORE=1\nFDNAME=executors"}},
		"a .socket unit": {descriptor: "mesos-docker-containerizer.socket", want: "not its own (mesos-docker-containerizer.socket): disable the .socket unit"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			directory := t.TempDir()
			old := filepath.Join(directory, "old.sock")
			passed, err := net.ListenUnix("unix", &net.UnixAddr{Name: old, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			passed.SetUnlinkOnClose(false)
			defer passed.Close()
			file, err := passed.File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			path := old
			if tt.moved {
				path = filepath.Join(directory, "new.sock")
			}
			if tt.gone {
				os.Remove(old)
			}
			child := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestListenerFromSystemd$' -test.v`, os.Args[0])
			child.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES="+tt.descriptor, childVariable+"="+path, "NOTIFY_SOCKET="+m.path)
			child.ExtraFiles = []*os.File{file}
			output, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(output), tt.want) {
				t.Fatalf("want %q: %v\n%s", tt.want, err, output)
			}
			for _, want := range tt.notes {
				if text, _ := m.next(); text != want {
					t.Errorf("systemd is told %q, want %q", text, want)
				}
			}
			if tt.want != fine {
				return
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("the socket: %v", err)
			}
			if _, err := os.Lstat(old); tt.moved && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket at the path from before is left: %v", err)
			}
		})
	}
}

// With the time units of Type=notify-reload believe it too (sd_notify(3)).
func TestReloadIsTold(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	if err := Reloading(); err != nil {
		t.Fatal(err)
	}
	text, _ := m.next()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	var at int64
	if _, err := fmt.Sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%d", &at); err != nil || at <= 0 || at > now.Nano()/1000 || now.Nano()/1000-at > time.Minute.Microseconds() {
		t.Errorf("systemd is told %q, %v", text, err)
	}
	if err := Ready(); err != nil {
		t.Fatal(err)
	}
	if text, _ = m.next(); text != "READY=1" {
		t.Errorf("systemd is told %q", text)
	}
}
