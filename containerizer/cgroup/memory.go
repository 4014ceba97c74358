// Package cgroup reads what the kernel counts of a container's memory and processor time, and kills its processes. A read costs a few small files of the kernel's and no call
// of the Engine, and keeps nothing open.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// Memory is what a control group counts, in bytes. It is zero where the kernel does not tell.
type Memory struct {
	Limit int64 `json:"limit,omitempty"` // zero for none
	Usage int64 `json:"usage,omitempty"`
	Peak  int64 `json:"peak,omitempty"` // the highest usage so far; Linux 5.19 for version 2

	// Kills counts the processes of the group that the kernel has killed for want of memory, of the group's or of the host's.
	Kills int64 `json:"kills,omitempty"`
}

// Group is the control group of one container, of version 1 or 2. It has no resources to free.
type Group struct {
	directory string
	files     *files
}

// files are a version's: how its file system is called, and its files.
type files struct{ fsType, limit, usage, peak, events string }

var (
	version1 = &files{"cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"}
	version2 = &files{"cgroup2", "memory.max", "memory.current", "memory.peak", "memory.events"}
)

// Of finds the control group of a container by one of its processes. The group is the one whose name has the container's id, as every
// runtime names it, also where the process has moved on to a group below it.
func Of(pid int, container string) (*Group, error) { return of(pid, container, "memory") }

// of is Of for the group in which a controller counts.
func of(pid int, container, controller string) (*Group, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("look for control groups: %w", err)
	}
	membership, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, fmt.Errorf("look for the control group of container %s: %w", container, err)
	}
	return find(string(membership), mounts, container, controller)
}

// find is Of for the text of a process's cgroup file. Each of its lines is ID:CONTROLLERS:PATH, of version 2 without controllers.
func find(membership string, mounts []*mountinfo.Info, container, controller string) (*Group, error) {
	for _, f := range []*files{version1, version2} { // where there are both, version 1 counts what it knows
		for line := range strings.Lines(membership) {
			parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
			if len(parts) != 3 || !f.counts(parts[1], controller) {
				continue
			}
			path := containersOwn(parts[2], container)
			for _, m := range mounts {
				below, err := filepath.Rel(m.Root, path)
				if m.FSType == f.fsType && (f == version2 || f.counts(m.VFSOptions, controller)) && path != "" && err == nil && filepath.IsLocal(below) {
					return &Group{filepath.Join(m.Mountpoint, below), f}, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("no control group of container %s has the controller %s", container, controller)
}

// counts reports whether a hierarchy with these controllers, of which one of version 2 has no list, has the one that counts.
func (f *files) counts(controllers, controller string) bool {
	if f == version2 {
		return controllers == ""
	}
	return slices.Contains(strings.Split(controllers, ","), controller)
}

// containersOwn cuts a path after the element with the container's id; empty without one.
func containersOwn(path, container string) string {
	before, after, found := strings.Cut(path, container)
	if !found || container == "" {
		return ""
	}
	rest, _, _ := strings.Cut(after, "/")
	return before + container + rest
}

// Kill has the kernel kill all processes of the group, and those in groups below it. Only version 2 has that, from Linux 5.14 on.
func (g *Group) Kill() error {
	return os.WriteFile(filepath.Join(g.directory, "cgroup.kill"), []byte("1"), 0)
}

// Memory reads the counters. The error wraps fs.ErrNotExist or is another of the kernel's when the group is gone.
func (g *Group) Memory() (Memory, error) {
	var m Memory
	for _, of := range []struct {
		name string
		to   *int64
	}{{g.files.limit, &m.Limit}, {g.files.usage, &m.Usage}, {g.files.peak, &m.Peak}} {
		text, err := os.ReadFile(filepath.Join(g.directory, of.name))
		if errors.Is(err, fs.ErrNotExist) && of.to == &m.Peak {
			continue
		}
		if err != nil {
			return Memory{}, err
		}
		*of.to = number(string(text))
	}
	text, err := os.ReadFile(filepath.Join(g.directory, g.files.events))
	if err != nil {
		return Memory{}, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "oom_kill "); ok { // Linux 4.13
			m.Kills = number(value)
		}
	}
	return m, nil
}

// unlimited is less than what version 1 has for no limit, the largest number of whole pages, and more than a host has.
const unlimited = 1 << 62

// number reads a number of the kernel's. "max" and the like are zero.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n >= unlimited {
		return 0
	}
	return n
}
