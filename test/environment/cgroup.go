package environment

import (
	"os"
	"path/filepath"
	"testing"
)

// Cgroup makes an empty cgroup that is named as a container's, and removes it when the test ends.
func Cgroup(t testing.TB, container string) string {
	t.Helper()
	hierarchy := "/sys/fs/cgroup"
	if _, err := os.Stat(hierarchy + "/cgroup.procs"); err != nil {
		hierarchy += "/memory" // cgroup version 1
	}
	cgroup := filepath.Join(hierarchy, "left-"+container)
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(cgroup) })
	return cgroup
}
