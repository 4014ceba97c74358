package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Parent is the control group that a Mesos agent has made for an executor, as the parent of a container's.
type Parent struct {
	// Path is what the Engine takes, with a slash in front: relative to where the hierarchies are mounted.
	Path string

	// Made are the directories of this path, in hierarchies that the agent does not use: there are such only beside version 1. The
	// runtime makes them with the container's group and leaves them behind.
	Made []string
}

// ParentOf finds the group by the executor's process and by the id that the agent has given the executor's container.
func ParentOf(pid int, agents string) (Parent, error) {
	membership, mounts, err := ask(pid)
	if err != nil {
		return Parent{}, fmt.Errorf("look for the executor's control group: %w", err)
	}
	return findParent(membership, mounts, agents)
}

// findParent is ParentOf for the text of the process's cgroup file, and the mounts of the host.
func findParent(membership string, mounts []*mountinfo.Info, agents string) (Parent, error) {
	memory := locate(membership, mounts, agents, "memory")
	if memory.directory == "" {
		return Parent{}, fmt.Errorf("the executor is in no control group %q that limits its memory: the agent needs launcher=linux and isolation=cgroups/cpu,cgroups/mem", agents)
	}
	parent := Parent{}
	for _, m := range mounts {
		if below, err := filepath.Rel(m.Mountpoint, memory.directory); err == nil && filepath.IsLocal(below) {
			parent.Path = "/" + below
		}
	}
	if memory.files == version2 {
		for line := range strings.Lines(membership) {
			if path, own := strings.CutPrefix(strings.TrimSpace(line), "0::"); own && filepath.Base(path) == agents {
				return Parent{}, fmt.Errorf("the executor is in control group %s itself: with cgroup version 2 no group below it could be limited. Agents that know version 2 put executors into a group \"leaf\" below", path)
			}
		}
		return parent, nil
	}
	for _, m := range mounts {
		directory := filepath.Join(m.Mountpoint, parent.Path)
		if _, err := os.Stat(directory); errors.Is(err, os.ErrNotExist) {
			parent.Made = append(parent.Made, directory)
		}
	}
	return parent, nil
}

// RemoveLeft removes what is left of the groups of containers that are gone, by their whole ids, with what is below. A containerd that dies
// over the end of a container leaves them.
func RemoveLeft(ids map[string]bool) error { return removeLeft("/sys/fs/cgroup", ids) }

func removeLeft(root string, ids map[string]bool) error {
	var left []string
	walk(root, func(path string) {
		if slices.ContainsFunc(IDs(path), func(id string) bool { return ids[id] }) {
			left = append(left, path)
		}
	})
	slices.Reverse(left) // those below first
	return RemoveEmpty(left)
}

// RemoveEmpty removes groups that no process and no other group is in. The kernel keeps all others.
func RemoveEmpty(directories []string) error {
	var all []error
	for _, directory := range directories {
		if err := unix.Rmdir(directory); err != nil && !errors.Is(err, unix.ENOENT) {
			all = append(all, &os.PathError{Op: "remove control group", Path: directory, Err: err})
		}
	}
	return errors.Join(all...)
}
