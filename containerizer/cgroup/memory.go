package cgroup

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Memory is what a control group counts, in bytes. It is zero where the kernel does not tell.
type Memory struct {
	Limit int64 `json:"limit,omitempty"` // zero for none
	Usage int64 `json:"usage,omitempty"`
	Peak  int64 `json:"peak,omitempty"` // the highest usage so far; Linux 5.19 for version 2

	// Kills counts the processes of the group that the kernel has killed for want of memory, of the group's or of the host's.
	Kills int64 `json:"kills,omitempty"`
}

// Memory reads the counters. The error wraps fs.ErrNotExist or is another of the kernel's when the group is gone.
func (g *Group) Memory() (Memory, error) {
	var m Memory
	for _, of := range []struct {
		name string
		to   *int64
	}{{g.files.limit, &m.Limit}, {g.files.usage, &m.Usage}, {g.files.peak, &m.Peak}} {
		text, err := read(filepath.Join(g.directory, of.name))
		if errors.Is(err, fs.ErrNotExist) && of.to == &m.Peak {
			continue
		}
		if err != nil {
			return Memory{}, err
		}
		*of.to = number(text)
	}
	text, err := read(filepath.Join(g.directory, g.files.events))
	if err != nil {
		return Memory{}, err
	}
	m.Kills = numberAfter(text, "oom_kill ") // Linux 4.13
	return m, nil
}
