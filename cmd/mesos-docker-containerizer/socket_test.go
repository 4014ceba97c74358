package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mesos-docker-containerizer/config"
)

func TestSocketGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: giving a socket to a group needs root")
	}
	for _, tt := range []struct {
		args []string
		mode os.FileMode
		gid  uint32
		err  string
	}{
		{nil, 0o600, 0, ""},
		{[]string{"--socket_group=54321", "--work_dir=/var/lib/mesos"}, 0o660, 54321, ""},
		{[]string{"--socket_group=root", "--work_dir=/var/lib/mesos"}, 0o660, 0, ""},
		{[]string{"--socket_group=no-such-group", "--work_dir=/var/lib/mesos"}, 0, 0, `no group "no-such-group"`},
		{[]string{"--socket_group=54321"}, 0, 0, "work_dir is not"},
	} {
		path := filepath.Join(t.TempDir(), "s")
		c, _, err := config.Load(config.Options{Root: t.TempDir(), Args: append(tt.args, "--socket="+path)})
		if err != nil {
			t.Fatal(err)
		}
		l, err := listen(c)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v", tt.args, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if gid := info.Sys().(*syscall.Stat_t).Gid; info.Mode().Perm() != tt.mode || gid != tt.gid {
			t.Errorf("%q: mode %v, group %d", tt.args, info.Mode(), gid)
		}
		l.Close()
	}
}
