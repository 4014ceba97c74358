package runspec

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// File is a file to be put into the container before it starts. Its data is secret.
type File struct {
	Path string // absolute, in the container
	Data []byte
}

// fileMode lets every user in the container read a secret: which user the task runs as is the image's business.
const fileMode = 0o444

// FilesArchive packs Files as a tar archive for the Engine to unpack at "/" of the created container. It is nil when there
// are none.
func (s *Spec) FilesArchive() (io.Reader, error) {
	if len(s.Files) == 0 {
		return nil, nil
	}
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, file := range s.Files {
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     strings.TrimPrefix(file.Path, "/"),
			Size:     int64(len(file.Data)),
			Mode:     fileMode,
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack file %s: %w", file.Path, err)
		}
		if _, err := archive.Write(file.Data); err != nil {
			return nil, fmt.Errorf("pack file %s: %w", file.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack files: %w", err)
	}
	return &buffer, nil
}

// checkFiles refuses a task with files if the caller does not copy them.
func (r *runOptions) checkFiles(o Options) error {
	if len(r.files) == 0 || o.CopiesFiles {
		return nil
	}
	return fault("container.volumes", "a secret cannot be mounted at %s here: this way of running tasks has no secret volumes", Quote(r.files[0].Path))
}

// checkFileTargets refuses files that would not get into the container itself. The Engine unpacks them with the container's
// volumes mounted: a secret below one would be written to the host or to another machine, and one below the sandbox would be
// served by the agent to its readers. What lies below a tmpfs is hidden when that is mounted.
func (s *Spec) checkFileTargets() error {
	const field = "container.volumes"
	if len(s.Files) == 0 {
		return nil
	}
	if s.HostConfig.ReadonlyRootfs {
		return fault(field, "a secret cannot be mounted at %s: the container's file system is read-only by a parameter", Quote(s.Files[0].Path))
	}
	for _, target := range s.mountTargets() {
		for _, file := range s.Files {
			if below, found := strings.CutPrefix(file.Path, strings.TrimRight(path.Clean(target), "/")); found && (below == "" || below[0] == '/') {
				return fault(field, "a secret cannot be mounted at %s: that lies in what is mounted at %s, and would not stay in the container",
					Quote(file.Path), Quote(target))
			}
		}
	}
	return nil
}

// mountTargets are the paths in the container at which something else than its own file system is.
func (s *Spec) mountTargets() []string {
	var targets []string
	for _, bind := range s.HostConfig.Binds {
		if _, rest, found := strings.Cut(bind, ":"); found {
			target, _, _ := strings.Cut(rest, ":")
			targets = append(targets, target)
		}
	}
	for _, m := range s.HostConfig.Mounts {
		targets = append(targets, m.Target)
	}
	targets = slices.AppendSeq(targets, maps.Keys(s.HostConfig.Tmpfs))
	return slices.AppendSeq(targets, maps.Keys(s.Config.Volumes))
}

// secretValue returns the bytes of a secret that carries its value. A reference could be resolved only by a secret resolver
// module of the agent, which executors cannot reach.
func secretValue(secret *mesos.Secret, field string) ([]byte, error) {
	switch {
	case secret == nil:
		return nil, fault(field, "the secret is missing")
	case secret.GetType() == mesos.Secret_REFERENCE:
		return nil, fault(field, "a secret of type REFERENCE cannot be resolved outside the agent; use type VALUE")
	case secret.GetType() != mesos.Secret_VALUE || secret.Value == nil:
		return nil, fault(field, "the secret has no value; it must be of type VALUE")
	}
	return secret.Value.Data, nil
}
