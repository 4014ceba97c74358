package runspec_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/runspec"
)

// TestPrepareHostSharesTheSandbox has what fetchers put into sandboxes, and what a task could put there to reach other files.
func TestPrepareHostSharesTheSandbox(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test gives files away, so it needs root")
	}
	const group = 300001
	outside, sandbox := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(path string, mode fs.FileMode) {
		t.Helper()
		must(os.WriteFile(path, nil, 0o600))
		must(os.Chmod(path, mode))
	}
	write(outside+"/secret", 0o600)
	write(outside+"/linked", 0o600)
	must(os.Mkdir(outside+"/folder", 0o700))
	must(os.Mkdir(sandbox+"/app", 0o750))
	write(sandbox+"/app/data", 0o644)
	write(sandbox+"/app/run.sh", 0o700)
	must(os.Chown(sandbox+"/app/run.sh", 65534, 65534))
	write(sandbox+"/sticky", 0o644)
	write(sandbox+"/setuid", 0o755|fs.ModeSetuid)
	must(os.Symlink(outside+"/secret", sandbox+"/link"))
	must(os.Symlink(outside+"/folder", sandbox+"/folder"))
	must(os.Link(outside+"/linked", sandbox+"/hard"))
	must(unix.Mkfifo(sandbox+"/fifo", 0o600))
	must(os.Mkdir(sandbox+"/volume", 0o755))
	must(unix.Mount("none", sandbox+"/volume", "tmpfs", 0, "mode=0755"))
	t.Cleanup(func() { must(unix.Unmount(sandbox+"/volume", 0)) })
	write(sandbox+"/volume/data", 0o644)

	spec := &runspec.Spec{SandboxDirectory: sandbox, SandboxGroup: group}
	for range 2 { // as for a task that is prepared again
		must(spec.PrepareHost(t.Context()))
	}
	for path, want := range map[string]struct {
		mode       fs.FileMode
		uid, group uint32
	}{
		sandbox:                  {0o775, 0, group},
		sandbox + "/app":         {0o770, 0, group},
		sandbox + "/app/data":    {0o664, 0, group},
		sandbox + "/app/run.sh":  {0o770, 65534, group},
		sandbox + "/sticky":      {0o664, 0, group},
		sandbox + "/setuid":      {0o755, 0, 0},
		sandbox + "/hard":        {0o600, 0, 0},
		sandbox + "/fifo":        {0o600, 0, 0},
		sandbox + "/volume":      {0o755, 0, 0},
		sandbox + "/volume/data": {0o644, 0, 0},
		outside + "/secret":      {0o600, 0, 0},
		outside + "/folder":      {0o700, 0, 0},
	} {
		info, err := os.Lstat(path)
		must(err)
		of := info.Sys().(*syscall.Stat_t)
		if info.Mode().Perm() != want.mode || of.Uid != want.uid || of.Gid != want.group {
			t.Errorf("%s: mode %#o, owner %d:%d; want %+v", filepath.Base(path), info.Mode().Perm(), of.Uid, of.Gid, want)
		}
	}
}
