package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mesos-docker-containerizer/internal/lookup"
)

// maxRecord is more than a record has.
const maxRecord = 1 << 20

// Find returns the record of the one task below the state directory that the word names, by the rules of package lookup. Of several
// records of one task the latest counts. It needs neither daemon nor Engine. The error is that of lookup, or of the directory.
func Find(state, word string) (*Record, error) {
	all, err := candidates(Directory(state), word)
	if err != nil {
		return nil, err
	}
	latest := map[string]*Record{}
	for _, r := range all {
		id := r.Framework + "\x00" + r.Task
		if other := latest[id]; other == nil || r.last().At.After(other.last().At) {
			latest[id] = r
		}
	}
	return lookup.One(slices.Collect(maps.Values(latest)), (*Record).names, word)
}

// names are those by which a person may know the task.
func (r *Record) names() lookup.Names {
	return lookup.Names{Task: r.Task, App: r.App, Container: r.Container, ContainerID: r.ContainerID}
}

// candidates reads the records whose files may match: those named after the task, and if there are none those with the word in their
// text.
func candidates(directory, word string) (all []*Record, err error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	take := func(wanted func(name string) bool, within []byte) {
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".json") || !wanted(e.Name()) {
				continue
			}
			if r, err := readWith(filepath.Join(directory, e.Name()), within); err == nil { // others are damaged, or gone by now
				all = append(all, r)
			}
		}
	}
	take(func(name string) bool { return strings.HasPrefix(name, readable(word)) }, nil)
	if len(all) == 0 {
		text, err := json.Marshal(strings.TrimPrefix(word, "/"))
		if err != nil {
			return nil, err
		}
		take(func(string) bool { return true }, bytes.Trim(text, `"`))
	}
	return all, nil
}

var errOther = errors.New("the text is not in it")

func read(path string) (*Record, error) { return readWith(path, nil) }

// readWith reads a record that contains a text.
func readWith(path string, within []byte) (*Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(text, within) {
		return nil, errOther
	}
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	return r, nil
}
