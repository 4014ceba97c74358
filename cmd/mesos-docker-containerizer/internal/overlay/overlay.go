// Package overlay owns the folder that an agent's --launcher_dir names on the drop-in route: symbolic links to every helper of
// the stock folder, with our executor in the place of one, and our docker command beside them for the agent's --docker.
//
//	o := overlay.Overlay{Path: "/var/lib/…/overlay", Stock: "/usr/libexec/mesos", Executor: "…", Docker: "…"}
//	changes, err := o.Apply()    // makes it, or mends it; no change where there is nothing to do
//	findings, err := o.Inspect() // what Apply would change
//
// Links, and not copies, have three reasons. An upgrade of Mesos or of our programs reaches the agent without another setup. What
// is executed lies where it lay, so the folder may be on a file system that executes nothing. And agents that recognise a command
// task by the real path of launcher_dir/mesos-executor (MESOS-10084) see the same path before and after.
//
// A running agent may start helpers at any moment, so each link is made aside and renamed into place: a name that was there is
// there always, as the old one or the new one.
package overlay

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mesos-docker-containerizer/executor/manual"
)

// The names that are ours.
const (
	ExecutorName = manual.Program
	DockerName   = "docker"

	// aside begins the name of a link before it is renamed. A helper whose name begins with a dot is not linked.
	aside = ".new-"
)

// Overlay says what the folder has to hold. All paths are absolute.
type Overlay struct {
	Path     string // of the folder itself
	Stock    string // the folder of Mesos's own helpers
	Executor string // our mesos-docker-executor
	Docker   string // our docker command
}

// Change is one name in the folder that is not as it has to be.
type Change struct {
	Name string
	Was  string // the link's old target; empty where there was none
	Is   string // the link's new target; empty where the name goes
}

func (c Change) String() string {
	switch {
	case c.Was == "":
		return fmt.Sprintf("%s is missing; it links to %s", c.Name, c.Is)
	case c.Is == "":
		return fmt.Sprintf("%s links to %s, which is no helper of this Mesos", c.Name, c.Was)
	}
	return fmt.Sprintf("%s links to %s instead of %s", c.Name, c.Was, c.Is)
}

// Validate says why no overlay can be made of these paths. It runs nothing and changes nothing.
func (o Overlay) Validate() error {
	for what, path := range map[string]string{"overlay": o.Path, "folder of Mesos's helpers": o.Stock, "executor": o.Executor, "docker command": o.Docker} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("the path of the %s is not absolute: %q", what, path)
		}
	}
	if err := o.validateStock(); err != nil {
		return err
	}
	for _, path := range []string{o.Executor, o.Docker} {
		if err := executable(path); err != nil {
			return fmt.Errorf("our own program: %w; `make install` puts it there", err)
		}
		if err := Trusted(path); err != nil {
			return fmt.Errorf("our own program: %w", err)
		}
	}
	return nil
}

func (o Overlay) validateStock() error {
	if _, err := os.Lstat(filepath.Join(o.Stock, RecordName)); err == nil {
		return fmt.Errorf("%s is an overlay of ours: name the folder of Mesos's own helpers, such as /usr/libexec/mesos", o.Stock)
	}
	if SameFile(o.Path, o.Stock) {
		return fmt.Errorf("overlay and folder of Mesos's helpers are the same, %s", o.Path)
	}
	helper := filepath.Join(o.Stock, ExecutorName)
	if err := executable(helper); err != nil {
		return fmt.Errorf("%s is not the folder of a Mesos agent's helpers (its launcher_dir): %w", o.Stock, err)
	}
	if SameFile(helper, o.Executor) || IsOurs(helper) {
		return fmt.Errorf("%s is our program already: put Mesos's own back (reinstall its package), or there is nothing to go back to", helper)
	}
	return nil
}

// IsOurs recognises our executor by what the Go linker wrote into it; nothing is run.
func IsOurs(path string) bool {
	info, err := buildinfo.ReadFile(path)
	return err == nil && strings.HasSuffix(info.Path, "/cmd/"+ExecutorName) && strings.HasPrefix(info.Path, "mesos-docker-containerizer/")
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not a program", path)
	}
	return nil
}

// SameFile says that two paths lead to one file.
func SameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// internal says that a name is the record's, or that of something which was to be renamed when its setup was killed.
func internal(name string) bool { return name == RecordName || strings.HasPrefix(name, aside) }

// links is the folder as it has to be: a target for each name.
func (o Overlay) links() (map[string]string, error) {
	entries, err := os.ReadDir(o.Stock)
	if err != nil {
		return nil, fmt.Errorf("folder of Mesos's helpers: %w", err)
	}
	links := make(map[string]string, len(entries)+1)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			links[e.Name()] = filepath.Join(o.Stock, e.Name())
		}
	}
	links[ExecutorName], links[DockerName] = o.Executor, o.Docker
	return links, nil
}

// Inspect returns what Apply would change, in the order of names; all of it where there is no folder yet. An error says that the
// folder holds what is not ours.
func (o Overlay) Inspect() ([]Change, error) {
	links, err := o.links()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(o.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	if err := o.foreign(entries); err != nil {
		return nil, err
	}
	var changes []Change
	for _, e := range entries {
		if internal(e.Name()) {
			continue
		}
		was, err := os.Readlink(filepath.Join(o.Path, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("overlay: %w", err)
		}
		if is := links[e.Name()]; is != was {
			changes = append(changes, Change{e.Name(), was, is})
		}
		delete(links, e.Name())
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		changes = append(changes, Change{name, "", links[name]})
	}
	return changes, nil
}

// foreign finds what Apply has not put into the folder. Nothing of that is touched.
func (o Overlay) foreign(entries []os.DirEntry) error {
	recorded := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return internal(e.Name()) })
	for _, e := range entries {
		if !internal(e.Name()) && e.Type() != fs.ModeSymlink {
			return fmt.Errorf("%s is not a link that setup has made: move it away, or choose another folder with --overlay", filepath.Join(o.Path, e.Name()))
		}
	}
	if len(entries) > 0 && !recorded {
		return fmt.Errorf("%s is not empty and has no record of ours: choose another folder with --overlay", o.Path)
	}
	return nil
}

// Apply makes the folder, or mends it, and returns what it changed. A new folder for which that fails is removed again. The caller
// holds [Lock].
func (o Overlay) Apply() ([]Change, error) {
	changes, err := o.Inspect()
	if err != nil {
		return nil, err
	}
	made := changes[:0:0]
	for _, c := range changes {
		if err := o.apply(c); err != nil {
			for _, m := range slices.Backward(made) {
				err = errors.Join(err, o.apply(Change{m.Name, m.Is, m.Was}))
			}
			return nil, fmt.Errorf("overlay: %w", err)
		}
		made = append(made, c)
	}
	return made, nil
}

func (o Overlay) apply(c Change) error {
	path := filepath.Join(o.Path, c.Name)
	if c.Is == "" {
		return os.Remove(path)
	}
	temporary := filepath.Join(o.Path, aside+c.Name)
	if err := removeIfThere(temporary); err != nil {
		return err
	}
	if err := os.Symlink(c.Is, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}
