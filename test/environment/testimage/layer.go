package testimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// epoch is the time of everything in an image, for the same bytes wherever it is built.
var epoch = time.Unix(0, 0).UTC()

// entry is a file, link or directory of a layer; its name has no leading slash.
type entry struct {
	name    string
	content string
	mode    int64
	uid     int
	gid     int
	link    string
	dir     bool
}

// entries returns the layer of the Spec itself: its working directory and files, parents first.
func (s Spec) entries() []entry {
	made := make(map[string]entry)
	var mkdir func(string)
	mkdir = func(dir string) {
		if dir == "." || dir == "" {
			return
		}
		if _, ok := made[dir]; ok {
			return
		}
		mkdir(path.Dir(dir))
		mode := int64(0o755)
		if dir == "tmp" { // which the base has too, and keeps its mode
			mode = 0o1777
		}
		made[dir] = entry{name: dir, mode: mode, dir: true}
	}
	mkdir(strings.Trim(path.Clean("/"+s.Workdir), "/"))
	for name, f := range s.Files {
		name = strings.Trim(path.Clean("/"+name), "/")
		mkdir(path.Dir(name))
		mode := f.Mode
		if mode == 0 {
			mode = 0o644
		}
		made[name] = entry{name: name, content: f.Content, mode: mode, uid: f.UID, gid: f.GID, link: f.Link}
	}
	sorted := slices.Collect(maps.Values(made))
	slices.SortFunc(sorted, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return sorted
}

// layer writes the entries as a tar archive.
func layer(entries []entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var failed error
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Uid: e.uid, Gid: e.gid, ModTime: epoch, Size: int64(len(e.content))}
		switch {
		case e.dir:
			h.Typeflag, h.Name = tar.TypeDir, e.name+"/"
		case e.link != "":
			h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, e.link, 0o777, 0
		}
		failed = errors.Join(failed, w.WriteHeader(h))
		if h.Typeflag == tar.TypeReg || h.Typeflag == 0 {
			_, err := io.WriteString(w, e.content)
			failed = errors.Join(failed, err)
		}
	}
	if err := errors.Join(failed, w.Close()); err != nil {
		return nil, fmt.Errorf("writing a layer of a test image: %w", err)
	}
	return b.Bytes(), nil
}
