package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"go.uber.org/zap"
)

// A mark is an additional name for an image that the Puller has pulled. It tells Collectors, also of later daemons, that the image is
// ours; labels of an image cannot be set after its build. The Engine records the time at which a name was last set, so setting the
// mark again stores a use.
//
// Each mark stands for one name. An image with a name that has no mark belongs to another owner as well.

// markRepository is the repository of all marks. No registry can have this name, so a mark cannot be pushed or pulled.
const markRepository = "mesos-docker-containerizer.invalid/pulled"

// markOf returns the mark for a name.
func markOf(ref string) string {
	sum := sha256.Sum256([]byte(Canonical(ref)))
	return markRepository + ":" + hex.EncodeToString(sum[:16])
}

func isMark(name string) bool {
	return strings.HasPrefix(name, markRepository+":") || strings.HasPrefix(name, markRepository+"@")
}

// before returns the ID of the image that has the name before the pull, empty for none.
func (p *Puller) before(ctx context.Context, w wanted) string {
	if !p.operator.Load().marks {
		return ""
	}
	present, err := p.engine.InspectImage(ctx, w.ref, nil)
	if err != nil {
		return ""
	}
	return present.ID
}

// mark marks an image after its pull, unless it was present before: such an image is ours only if it has the mark already. An image
// that cannot be marked is never removed.
func (p *Puller) mark(ctx context.Context, w wanted, before string, logger *zap.Logger) {
	if !p.operator.Load().marks {
		return
	}
	pulled, err := p.engine.InspectImage(ctx, w.ref, w.platform)
	if err == nil && pulled.ID != before {
		err = p.engine.TagImage(ctx, w.ref, markOf(w.ref))
	}
	if err != nil {
		logger.Warn("image cannot be marked as pulled by this daemon: it will not be cleaned up", zap.Error(err))
	}
}

// ours returns an image as a candidate if each of its names has a mark, nil otherwise.
func ours(image image.Summary) *candidate {
	found := &candidate{removal: removal{id: image.ID, names: map[string]bool{}}}
	marked, repositories := map[string]bool{}, map[string]bool{}
	for _, tag := range image.RepoTags {
		switch {
		case isMark(tag):
			marked[tag] = true
			found.marks = append(found.marks, tag)
		case !strings.HasPrefix(tag, "<none>"):
			found.tags = append(found.tags, tag)
		}
	}
	if len(found.marks) == 0 {
		return nil
	}
	for _, tag := range found.tags {
		if !marked[markOf(tag)] {
			return nil
		}
		found.names[Canonical(tag)] = true
		repositories[repository(tag)] = true
	}
	for _, digested := range image.RepoDigests {
		if isMark(digested) || strings.HasPrefix(digested, "<none>") {
			continue
		}
		if !marked[markOf(digested)] && !repositories[repository(digested)] {
			return nil
		}
		found.names[Canonical(digested)] = true
		if marked[markOf(digested)] && !repositories[repository(digested)] {
			found.tags = append(found.tags, digested) // its only name in that repository
		}
	}
	return found
}

func repository(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return named.Name()
}
