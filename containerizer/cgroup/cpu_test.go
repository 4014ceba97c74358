package cgroup

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCPU(t *testing.T) {
	for _, c := range []struct {
		files      *files
		name, text string
		want       time.Duration
		fails      bool
	}{
		{version1, "cpuacct.usage", "1500000000\n", 1500 * time.Millisecond, false},
		{version2, "cpu.stat", "usage_usec 2500000\nuser_usec 1\n", 2500 * time.Millisecond, false},
		{version2, "cpu.stat", "nr_periods 0\n", 0, true},
		{version2, "cpuacct.usage", "1", 0, true},
		{version1, "cpu.stat", "usage_usec 1\n", 0, true},
	} {
		directory := t.TempDir()
		if err := os.WriteFile(filepath.Join(directory, c.name), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (&Group{directory, c.files}).cpu(); got != c.want || (err != nil) != c.fails {
			t.Errorf("%s %q: %v %v, want %v", c.name, c.text, got, err, c.want)
		}
	}
}
