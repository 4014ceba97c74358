package testimage

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// defaultPath is Docker's own default, written down so that processes started without a shell have it on every Engine.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// archive is an image in the form of `docker save`, which Engines of every age load.
type archive struct {
	id     string // of the image: the SHA-256 of its configuration, in hex
	config []byte
	layers [][]byte
}

// config is what of an image's configuration is written, in the field names of the OCI image specification.
type config struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Created      time.Time `json:"created"`
	Config       settings  `json:"config"`
	RootFS       rootFS    `json:"rootfs"`
}

type settings struct {
	User         string              `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	Volumes      map[string]struct{} `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
	StopSignal   string              `json:",omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

// archive puts the image together in memory; the largest part is the probe program, a few megabytes.
func (b *Builder) archive(spec Spec) (*archive, error) {
	var layers [][]byte
	if !spec.Empty {
		layers = append(layers, b.Base)
	}
	own, err := layer(spec.entries())
	if err != nil {
		return nil, err
	}
	layers = append(layers, own)

	c := config{
		Architecture: cmp.Or(spec.Architecture, runtime.GOARCH),
		OS:           "linux",
		Created:      epoch,
		Config: settings{
			User:         spec.User,
			ExposedPorts: set(spec.ExposedPorts),
			Env:          spec.env(),
			Entrypoint:   spec.Entrypoint,
			Cmd:          spec.Cmd,
			Volumes:      set(spec.Volumes),
			WorkingDir:   spec.Workdir,
			Labels:       map[string]string{Label: "1"},
			StopSignal:   spec.StopSignal,
		},
		RootFS: rootFS{Type: "layers"},
	}
	for k, v := range spec.Labels {
		c.Config.Labels[k] = v
	}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, "sha256:"+digest(l))
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration of a test image: %w", err)
	}
	return &archive{id: digest(encoded), config: encoded, layers: layers}, nil
}

func (s Spec) env() []string {
	if slices.ContainsFunc(s.Env, func(e string) bool { return len(e) >= 5 && e[:5] == "PATH=" }) {
		return s.Env
	}
	return append([]string{defaultPath}, s.Env...)
}

func set(names []string) map[string]struct{} {
	m := make(map[string]struct{}, len(names))
	for _, n := range names {
		m[n] = struct{}{}
	}
	return m
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// write streams the archive with the tag.
func (a *archive) write(w io.Writer, tag string) error {
	type manifest struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	m := manifest{Config: a.id + ".json", RepoTags: []string{tag}}
	files := tar.NewWriter(w)
	if err := writeFile(files, m.Config, a.config); err != nil {
		return err
	}
	for _, l := range a.layers {
		name := digest(l) + ".tar"
		m.Layers = append(m.Layers, name)
		if err := writeFile(files, name, l); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal([]manifest{m})
	if err != nil {
		return fmt.Errorf("encoding the manifest of a test image: %w", err)
	}
	if err := writeFile(files, "manifest.json", encoded); err != nil {
		return err
	}
	return files.Close()
}

func writeFile(w *tar.Writer, name string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: epoch}); err != nil {
		return err
	}
	_, err := io.Copy(w, bytes.NewReader(content))
	return err
}
