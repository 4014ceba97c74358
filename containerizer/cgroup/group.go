// Package cgroup reads what the kernel counts of a container, in its control group and in its network, and kills its processes. A read
// costs a few small files of the kernel's and no call of the Engine, and keeps nothing open.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/survey"
)

// Group is the control group of one container, of version 1 or 2. It has no resources to free.
type Group struct {
	directory string // where the memory is counted
	files     *files

	cpu, pids, io place // without a directory where nothing counts them
}

// place is a directory with the counters of a controller.
type place struct {
	directory string
	files     *files
}

// files are a version's: how its file system is called, and its files.
type files struct{ fsType, limit, usage, peak, events, cpu, pids, io string }

var (
	version1 = &files{
		"cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control",
		"cpuacct.usage", "pids.current", "blkio.throttle.io_service_bytes_recursive", // the last from Linux 4.17
	}
	version2 = &files{"cgroup2", "memory.max", "memory.current", "memory.peak", "memory.events", "cpu.stat", "pids.current", "io.stat"}
)

// Of finds the control group of a container by one of its processes. The group is the one whose name has the container's id, as every
// runtime names it, also where the process has moved on to a group below it.
func Of(pid int, container string) (*Group, error) {
	membership, mounts, err := ask(pid)
	if err != nil {
		return nil, fmt.Errorf("look for the control group of container %s: %w", container, err)
	}
	return Find(membership, mounts, container)
}

// ask returns a process's cgroup file, and where the host has mounted hierarchies.
func ask(pid int) (membership string, mounts []*mountinfo.Info, err error) {
	if mounts, err = mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2")); err != nil {
		return "", nil, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return string(text), mounts, err
}

// groups are the ids of all containers that have a control group.
var groups survey.Survey[map[string]bool]

// Exists reports whether there is a control group of a container, by its whole id: whether one is being started, or runs, or has ended
// and nobody has cleared up.
func Exists(container string) bool {
	return groups.Get(func() map[string]bool {
		found := map[string]bool{}
		walk(oneHierarchy(), func(path string) {
			for _, id := range IDs(filepath.Base(path)) {
				found[id] = true
			}
		})
		return found
	})[container]
}

// walk visits the control groups of a hierarchy. Most have many files and no group below, as their number of links tells, and are not read.
func walk(root string, visit func(path string)) {
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // also for a group that has gone meanwhile
		}
		visit(path)
		var stat unix.Stat_t
		if unix.Lstat(path, &stat) == nil && stat.Nlink == 2 {
			return filepath.SkipDir
		}
		return nil
	})
}

// oneHierarchy is a directory with a control group of each container: of version 2, or of the memory controller of version 1, or all of them.
func oneHierarchy() string {
	const root, memory = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"
	_, unified := os.Stat(root + "/cgroup.procs")
	if _, err := os.Stat(memory + "/cgroup.procs"); unified != nil && err == nil {
		return memory
	}
	return root
}

var wholeID = regexp.MustCompile(`[0-9a-f]{64}`)

// IDs are the ids of containers in a text, such as the name of a control group, each once.
func IDs(text string) []string {
	found := wholeID.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Find is Of for the text of a process's cgroup file, and the mounts of the host.
func Find(membership string, mounts []*mountinfo.Info, container string) (*Group, error) {
	memory := locate(membership, mounts, container, "memory")
	if memory.directory == "" {
		return nil, fmt.Errorf("no control group of container %s counts its memory", container)
	}
	return &Group{
		directory: memory.directory, files: memory.files,
		cpu:  locate(membership, mounts, container, "cpuacct"),
		pids: locate(membership, mounts, container, "pids"),
		io:   locate(membership, mounts, container, "blkio"),
	}, nil
}

// locate finds where a controller, by its name in version 1, counts. Each line of the membership is ID:CONTROLLERS:PATH, of version 2
// without controllers. Where there are both versions, the first has the controller if it knows it.
func locate(membership string, mounts []*mountinfo.Info, container, controller string) place {
	for _, f := range []*files{version1, version2} {
		for line := range strings.Lines(membership) {
			parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
			if len(parts) != 3 || !f.has(parts[1], controller) {
				continue
			}
			path := containersOwn(parts[2], container)
			for _, m := range mounts {
				below, err := filepath.Rel(m.Root, path)
				if m.FSType == f.fsType && (f == version2 || f.has(m.VFSOptions, controller)) && path != "" && err == nil && filepath.IsLocal(below) {
					return place{filepath.Join(m.Mountpoint, below), f}
				}
			}
		}
	}
	return place{}
}

// has reports whether a hierarchy with these controllers, of which one of version 2 has no list, has the controller.
func (f *files) has(controllers, controller string) bool {
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

// maxLine is more than a line of the kernel's files has, in bytes.
const maxLine = 1024

// read returns the content of one of the kernel's files. Mostly it makes three calls of the system where os.ReadFile makes six, which
// counts with hundreds of containers: the kernel leaves less room than a line needs if there is more to read.
func read(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var page [4096]byte
	var text []byte
	for {
		n, err := unix.Read(fd, page[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return "", &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return string(text), nil
		}
		text = append(text, page[:n]...)
		if n < len(page)-maxLine {
			return string(text), nil
		}
	}
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
