package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/record"
)

// TestNoDaemon: what keeps the daemon from answering has an advice of its own.
func TestNoDaemon(t *testing.T) {
	socket := func(t *testing.T) (string, *net.UnixListener) {
		t.Helper()
		directory := t.TempDir()
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(directory, protocol.AdminSocket)})
		must(t, err)
		listener.SetUnlinkOnClose(false)
		return directory, listener
	}
	ended, listener := socket(t)
	must(t, listener.Close())
	closed, listener := socket(t)
	defer listener.Close()
	must(t, os.Chmod(closed, 0o700))
	asNobody := func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		c.Path = "/proc/self/exe" // the folder of the programs is root's
	}
	for name, test := range map[string]struct {
		directory string
		change    func(*exec.Cmd)
		want      string
	}{
		"never started": {t.TempDir(), nil, "start it: systemctl start mesos-docker-containerizer\n"},
		"ended":         {ended, nil, "start it: systemctl start mesos-docker-containerizer\n"},
		"not root":      {closed, asNobody, "answers root alone: dial unix " + closed + "/admin.sock: connect: permission denied; run this as root\n"},
	} {
		p := startWith(t, test.change, "ps", "--watch=false", "--run_dir="+test.directory)
		p.wantStatus(exitEnvironment)
		if !strings.HasSuffix(p.err(), test.want) {
			t.Errorf("%s: it says %q", name, p.err())
		}
	}
	p := startWith(t, asNobody, "ps", "--watch", "--run_dir="+closed)
	p.wantStatus(exitEnvironment)
}

// TestLogsWithoutDaemon: while the daemon is away the records tell which tasks a name can mean.
func TestLogsWithoutDaemon(t *testing.T) {
	directory := t.TempDir()
	must(t, os.WriteFile(filepath.Join(directory, "stdout"), []byte("printed\n"), 0o600))
	store := record.NewStore(directory, zap.NewNop())
	for _, task := range []string{"web.1", "web.2"} {
		store.Put(&record.Record{Task: task, Sandbox: directory, Steps: []record.Step{{State: record.Ended, At: time.Now()}}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store.Run(ctx)
	for name, test := range map[string]struct {
		status int
		want   string
	}{
		"web.1": {exitOK, "printed\n"},
		"web":   {exitFailed, `"web": more than one task has such a name: "web.`},
		"other": {exitEnvironment, "no daemon answers at "},
	} {
		p := start(t, "logs", "--run_dir="+directory, name)
		p.wantStatus(test.status)
		if !strings.Contains(p.out()+p.err(), test.want) {
			t.Errorf("%s: it says %q", name, p.out()+p.err())
		}
	}
}
