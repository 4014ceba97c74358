package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"mesos-docker-containerizer/containerizer/runspec"

	"golang.org/x/sys/unix"
)

// access is what can be done to the host by a path; each includes those before it.
type access int

const (
	readOnly access = iota
	readWrite
	shared // what is mounted in the container shows on the host
)

func (a access) String() string { return [...]string{"ro", "rw", "shared"}[a] }

// hostPath is an item of allowed_host_paths: a path and all below.
type hostPath struct {
	path   string
	access access
}

// parseHostPath reads "/path", "/path:ro", "/path:rw" or "/path:shared".
func parseHostPath(item string) (hostPath, error) {
	h := hostPath{path: item, access: readWrite}
	for _, a := range []access{readOnly, readWrite, shared} {
		if name, ok := strings.CutSuffix(item, ":"+a.String()); ok {
			h = hostPath{name, a}
		}
	}
	switch {
	case !path.IsAbs(h.path):
		return h, errors.New("it is not an absolute path, which :ro, :rw or :shared may follow")
	case slices.Contains(strings.Split(h.path, "/"), ".."):
		return h, errors.New("it contains .., which depends on where symlinks lead")
	}
	h.path = path.Clean(h.path)
	return h, nil
}

// covers tells whether the item allows a resolved path.
func (h hostPath) covers(name string, a access) bool {
	return h.access >= a && within(resolved(h.path), name)
}

// hostPath decides about a path as the task gives it. In the sandbox a task may do everything but make its mounts the host's.
func (c *check) hostPath(d demand, name string, a access) {
	if c.failed != nil || c.hostPaths.settled(c.trusted) {
		return
	}
	for _, meaning := range meanings(name) {
		place, err := resolve(meaning)
		refused := d
		switch {
		case err != nil:
			refused.reason = fmt.Sprintf("%s: a host path that cannot be followed (%v)", d.reason, err)
			permit(c, &c.hostPaths, refused, never[hostPath])
			continue
		case c.Sandbox != "" && a < shared && within(resolved(c.Sandbox), place):
			continue
		}
		refused.reason = fmt.Sprintf("%s: host path %s (%s)", d.reason, runspec.Quote(place), a)
		permit(c, &c.hostPaths, refused, func(item hostPath) bool { return item.covers(place, a) })
	}
}

// meanings are the possible interpretations of a path. The Engine removes ".." from some paths before it follows symlinks; the kernel
// resolves ".." while it follows them. A relative path is relative to the Engine's directory, the root.
func meanings(name string) []string {
	if !path.IsAbs(name) {
		name = "/" + name
	}
	if clean := path.Clean(name); clean != name && slices.Contains(strings.Split(name, "/"), "..") {
		return []string{name, clean}
	}
	return []string{name}
}

// within tells whether a path is the directory or lies below it. Both are clean.
func within(directory, name string) bool {
	return directory == "/" || name == directory || strings.HasPrefix(name, directory+"/")
}

// resolved resolves the symlinks of an operator's path. A path that cannot be resolved is returned unchanged; nothing exists there.
func resolved(name string) string {
	if place, err := resolve(name); err == nil {
		return place
	}
	return name
}

// MaxLinks is the kernel's own limit on symlinks in a path.
const MaxLinks = 40

// resolve follows symlinks as the kernel does. What does not exist is taken for a directory that is going to be made, as the
// Engine makes it. A link of procfs can lead into another root, which its text does not say: it is taken to lead to "/".
func resolve(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", errors.New("it contains a NUL byte")
	}
	current, rest := "/", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			current = path.Dir(current)
			continue
		}
		next := path.Join(current, part)
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			current = next
			continue
		case err != nil:
			return "", err
		case info.Mode().Type() != fs.ModeSymlink:
			current = next
			continue
		}
		if links++; links > MaxLinks {
			return "", syscall.ELOOP
		}
		if inProc(current) {
			return "/", nil
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			current = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return current, nil
}

// inProc tells whether a directory is procfs's. One that cannot be asked is taken for it.
func inProc(directory string) bool {
	var info unix.Statfs_t
	return unix.Statfs(directory, &info) != nil || info.Type == unix.PROC_SUPER_MAGIC
}
