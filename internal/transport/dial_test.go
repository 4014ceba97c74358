package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// asListener makes this test binary listen at the path that it names.
const asListener = "TEST_AS_LISTENER"

func TestMain(m *testing.M) {
	if path := os.Getenv(asListener); path != "" {
		listener, err := net.Listen("unix", path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("listening")
		if c, err := listener.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// listen returns a socket that this process listens on.
func listen(t *testing.T) *net.UnixListener {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.(*net.UnixListener)
}

func TestDial(t *testing.T) {
	listener := listen(t)
	conn, err := Dial(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer, err := Peer(conn)
	if err != nil || int(peer.Pid) != os.Getpid() || int(peer.Uid) != os.Getuid() || int(peer.Gid) != os.Getgid() {
		t.Errorf("peer %+v, %v", peer, err)
	}
	if _, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a socket: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, listener.Addr().String()); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}

// TestPeerMustBeRoot: another user who got hold of the path would be handed tasks and commands.
func TestPeerMustBeRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	directory, err := os.MkdirTemp("", "peer-") // whose parents everybody may enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(directory, "listener"), self, 0o755)
	}
	if err == nil {
		err = os.Chmod(directory, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(directory, "s")
	nobody := exec.CommandContext(t.Context(), filepath.Join(directory, "listener"))
	nobody.Env = []string{asListener + "=" + socket}
	nobody.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := nobody.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Start(); err != nil {
		t.Fatal(err)
	}
	defer nobody.Wait()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
		t.Fatal(line, err)
	}
	if _, err := Dial(t.Context(), socket); !errors.Is(err, ErrPeer) {
		t.Errorf("error is %v", err)
	}
}
