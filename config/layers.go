package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"mesos-docker-containerizer/config/nearest"
	"mesos-docker-containerizer/internal/regularfile"
)

const (
	ownDirectory = "/etc/mesos-docker-containerizer"

	// MaxFile is far above any real value; a larger file is not what it was
	// taken for.
	MaxFile = 1 << 20
)

// fileSystem reads below a root.
type fileSystem struct{ root string }

func (f fileSystem) locate(path string) string {
	return filepath.Join(f.root, filepath.Join("/", path))
}

// read gives the content of a regular file of text, without white space at its
// end. Its errors do not name the file.
func (f fileSystem) read(path string) (string, error) {
	content, err := regularfile.Read(f.locate(path), MaxFile)
	switch {
	case err != nil:
		return "", reason(err)
	case strings.ContainsRune(string(content), 0):
		return "", errors.New("it contains a NUL byte, so it is no text")
	}
	return strings.TrimRightFunc(string(content), unicode.IsSpace), nil
}

// reason takes the path out of an error, which the message has already.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// directory reads a directory with one file per flag.
func (s *scan) directory(layer Layer, dir string) {
	entries, err := os.ReadDir(s.files.locate(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		s.mistake(layer, s.files.locate(dir), fmt.Errorf("the directory cannot be read: %w", reason(err)))
		return
	}
	found := map[*flag]candidate{}
	for _, e := range entries {
		if leftover(e.Name()) {
			continue
		}
		c, ok := s.entry(layer, dir, e)
		if !ok {
			continue
		}
		if first, twice := found[c.flag]; twice {
			c.fault = fmt.Errorf("the flag is set a second time, next to %s", first.origin.Place)
		}
		found[c.flag] = c
	}
	for _, f := range flags {
		if c, ok := found[f]; ok {
			s.add(c)
		}
	}
}

// entry reads one file of a directory. It is not ok if the file sets none of our flags.
func (s *scan) entry(layer Layer, dir string, e fs.DirEntry) (candidate, bool) {
	path := filepath.Join(dir, e.Name())
	place := s.files.locate(path)
	name, marker := strings.CutPrefix(e.Name(), "?")
	name, negated := strings.CutPrefix(name, "no-")
	f := byName(name)
	if layer == AgentFiles && (f == nil || !f.agents || e.IsDir()) {
		return candidate{}, false
	}
	if f == nil {
		s.mistake(layer, place, unknown("file name", name, func(f *flag) string { return f.name }))
		return candidate{}, false
	}
	c := candidate{flag: f, origin: Origin{Layer: layer, Place: place, File: place}}
	if !marker && !negated {
		c.text, c.fault = s.files.read(path)
		return c, true
	}
	c.text = "true"
	if negated {
		c.text = "false"
	}
	c.fault = s.checkMarker(c, path, layer)
	return c, true
}

// checkMarker says what is wrong with a file that sets its flag by its name
// alone. The agent's start script never looks into those with a question mark.
func (s *scan) checkMarker(c candidate, path string, layer Layer) error {
	if c.flag.form() != boolean {
		return fmt.Errorf("the flag is not a boolean: put its value into a file named %s", c.flag.name)
	}
	content, err := s.files.read(path)
	if err != nil {
		return err
	}
	ignored := layer == AgentFiles && strings.HasPrefix(filepath.Base(path), "?")
	if content != "" && !ignored {
		return fmt.Errorf("the name alone sets the flag: empty the file, or put the value into a file named %s", c.flag.name)
	}
	return nil
}

// leftover says that a file is not configuration: it is hidden, a backup of an
// editor or of a package manager, or a note to people.
func leftover(name string) bool {
	suffixes := []string{"~", ".bak", ".orig", ".swp", ".rpmsave", ".rpmnew", ".rpmorig", ".ucf-old", ".ucf-new", ".ucf-dist"}
	return slices.ContainsFunc([]string{".", "#", "README"}, func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) || strings.Contains(name, ".dpkg-")
}

// unknown reports a name that is no flag's, with the one that may have been
// meant, spelled by the given function as this layer spells it.
func unknown(kind, name string, spell func(*flag) string) error {
	if f := byName(nearest.Name(strings.ReplaceAll(name, "-", "_"), slices.Collect(maps.Keys(flagIndex)))); f != nil {
		return fmt.Errorf("unknown %s; did you mean %s?", kind, spell(f))
	}
	return fmt.Errorf("unknown %s; `mesos-docker-containerizer config` lists all flags", kind)
}

// unknownFlag is unknown for the command line, where a subcommand has flags of
// its own.
func unknownFlag(name string, foreign []string) error {
	known := append(slices.Collect(maps.Keys(flagIndex)), foreign...)
	slices.Sort(known)
	if meant := nearest.Name(strings.ReplaceAll(name, "-", "_"), known); meant != "" {
		return fmt.Errorf("unknown flag; did you mean --%s?", meant)
	}
	return errors.New("unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand, `mesos-docker-containerizer config` all settings")
}
