package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CPU is the time of processors that a container's processes have used, also those that have ended. The container is found by one of its
// processes, as with Of.
func CPU(pid int, container string) (time.Duration, error) {
	g, err := of(pid, container, "cpuacct")
	if err != nil {
		return 0, err
	}
	return g.cpu()
}

func (g *Group) cpu() (time.Duration, error) {
	if g.files == version1 {
		text, err := os.ReadFile(filepath.Join(g.directory, "cpuacct.usage"))
		return time.Duration(number(string(text))), err
	}
	text, err := os.ReadFile(filepath.Join(g.directory, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			return time.Duration(number(value)) * time.Microsecond, nil
		}
	}
	return 0, errors.New("cpu.stat has no usage_usec")
}
