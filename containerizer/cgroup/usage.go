package cgroup

import (
	"path/filepath"
	"strings"
	"time"
)

// Usage is what a container uses and has used. What the kernel does not count is zero.
type Usage struct {
	Memory Memory

	CPU  time.Duration // of all processors together, since the group was made
	PIDs int64         // processes and threads at the moment

	Read, Written int64 // bytes, from and to block devices
}

// Usage reads all counters. The error is Memory's.
func (g *Group) Usage() (Usage, error) {
	memory, err := g.Memory()
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Memory: memory}
	if text := g.cpu.read(func(f *files) string { return f.cpu }); g.cpu.files == version2 {
		u.CPU = time.Duration(numberAfter(text, "usage_usec ")) * time.Microsecond
	} else {
		u.CPU = time.Duration(number(text))
	}
	u.PIDs = number(g.pids.read(func(f *files) string { return f.pids }))
	u.Read, u.Written = transfers(g.io.read(func(f *files) string { return f.io }))
	return u, nil
}

// read returns the content of a file, empty where there is none.
func (p place) read(name func(*files) string) string {
	if p.directory == "" {
		return ""
	}
	text, _ := read(filepath.Join(p.directory, name(p.files)))
	return text
}

// numberAfter is the number in the line that begins with a key.
func numberAfter(text, key string) int64 {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, key); ok {
			return number(value)
		}
	}
	return 0
}

// transfers adds up the bytes of all devices. Version 1 has lines such as "8:0 Read 4096", version 2 such as
// "8:0 rbytes=4096 wbytes=0 rios=1".
func transfers(text string) (read, written int64) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 3 && !strings.Contains(line, "=") {
			fields = []string{fields[0], fields[1] + "=" + fields[2]}
		}
		for _, field := range fields {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "rbytes", "Read":
				read += number(value)
			case "wbytes", "Write":
				written += number(value)
			}
		}
	}
	return read, written
}
