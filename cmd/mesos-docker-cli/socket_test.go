package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDaemonSocket(t *testing.T) {
	directory := t.TempDir()
	files := 0
	file := func(content string) string {
		files++
		path := filepath.Join(directory, strconv.Itoa(files))
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ option, file, want, wrong string }{
		{"", filepath.Join(directory, "none"), "/run/mesos-docker-containerizer/admin.sock", ""},
		{"/r", filepath.Join(directory, "none"), "/r/admin.sock", ""},
		{"", file("/elsewhere\n"), "/elsewhere/admin.sock", ""},
		{"/r", file("/elsewhere\n"), "/r/admin.sock", ""},
		{"", file("\n"), "/run/mesos-docker-containerizer/admin.sock", ""},
		{"r", "", "", "absolute"},
		{"", file("elsewhere"), "", "absolute"},
		{"", directory, "", "is a directory"},
	} {
		got, err := daemonSocket(c.option, c.file)
		if got != c.want || (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}
