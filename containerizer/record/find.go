package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/lookup"
)

// maxRecord is more than a record has.
const maxRecord = 1 << 20

// Find returns the record of the one task below the state directory that the word names, by the rules of package lookup. Of several
// records of one task the latest counts. If the id of a task begins with the word, other names do not count. It needs neither daemon
// nor Engine. The error is that of lookup, or of the directory.
func Find(state, word string) (*Record, error) {
	d, err := os.Open(Directory(state))
	if errors.Is(err, fs.ErrNotExist) {
		return lookup.One(nil, (*Record).names, word)
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	files, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(name string) bool { return !strings.HasSuffix(name, ".json") })
	word = strings.TrimPrefix(word, "/")
	named := slices.DeleteFunc(slices.Clone(files), func(name string) bool { return !strings.HasPrefix(name, readable(word)) })
	r, err := one(readAll(d, named, nil), word)
	if !errors.Is(err, lookup.ErrNone) || word == "" {
		return r, err
	}
	text, err := json.Marshal(word)
	if err != nil {
		return nil, err
	}
	return one(readAll(d, files, bytes.Trim(text, `"`)), word)
}

// one is the latest record of the one task that the word names.
func one(all []*Record, word string) (*Record, error) {
	latest := map[string]*Record{}
	for _, r := range all {
		id := r.Framework + "\x00" + r.Task
		if other := latest[id]; other == nil || r.last().At.After(other.last().At) {
			latest[id] = r
		}
	}
	found, err := lookup.One(slices.Collect(maps.Values(latest)), (*Record).names, word)
	if err == nil {
		_, missing := os.Stat(found.Sandbox)
		found.sandboxGone = errors.Is(missing, fs.ErrNotExist)
	}
	return found, err
}

// names are those by which a person may know the task.
func (r *Record) names() lookup.Names {
	return lookup.Names{Task: r.Task, App: r.App, Container: r.Container, ContainerID: r.ContainerID}
}

// readAll reads those of the files in a directory of which a value begins with a text. Others are damaged, or gone by now. There can be
// 10,000 files, and a person waits: so a file costs three system calls, and is decoded only if it may be wanted.
func readAll(directory *os.File, files []string, text []byte) (all []*Record) {
	buffer := make([]byte, maxRecord)
	begins, slash := append([]byte(`"`), text...), append([]byte(`"/`), text...)
	for _, name := range files {
		content, err := readInto(buffer, int(directory.Fd()), name)
		if err != nil || !bytes.Contains(content, begins) && !bytes.Contains(content, slash) {
			continue
		}
		r := &Record{}
		if json.Unmarshal(content, r) == nil {
			all = append(all, r)
		}
	}
	return all
}

// readInto reads a file into the buffer, as far as it fits.
func readInto(buffer []byte, directory int, name string) ([]byte, error) {
	fd, err := unix.Openat(directory, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buffer)
	return buffer[:max(0, n)], err
}

func read(path string) (*Record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Record{}
	return r, json.Unmarshal(text, r)
}
