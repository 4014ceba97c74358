package containerizer

import (
	"context"
	"io"

	"mesos-docker-containerizer/containerizer/runspec"
)

// deliverFiles puts the task's secret volumes into the container, which has not been started. They exist in the daemon's memory
// and in the container's own layer, which goes with the container; no log, label or error text has them.
//
// The spec is nil for a container that an earlier daemon created. How far that one got is not known, so the task is translated
// again and the files are copied once more: a task must not start without them.
func (s *session) deliverFiles(ctx context.Context, spec *runspec.Spec) error {
	if spec == nil {
		var err error
		if spec, err = s.translate(ctx); err != nil {
			return err
		}
	}
	packed, err := spec.FilesArchive()
	if err != nil || packed == nil {
		return err
	}
	archive, err := io.ReadAll(packed)
	if err != nil {
		return err
	}
	return s.container.CopyTo(ctx, archive)
}
