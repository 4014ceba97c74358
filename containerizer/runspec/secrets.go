package runspec

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
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

// checkFiles refuses files that nobody would put into the container.
func (r *runOptions) checkFiles(o Options) error {
	if len(r.files) == 0 || o.CopiesFiles {
		return nil
	}
	return fault("container.volumes", "a secret cannot be mounted at %s here: this way of running tasks has no secret volumes", quote(r.files[0].Path))
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
