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

// A mark is a name that the Puller gives to each image that it has pulled under another name. It is how a Collector, also one of
// a later daemon, knows that an image is nobody else's: images have no labels that could be set afterwards, and a name is what
// the Engine keeps for us. The Engine notes when a name was last given, so giving it again also notes a use.
//
// One mark is for one name: an image to which somebody gives a second name, or had given one before, is theirs as well.

// markRepository is where marks are. No registry can have this name, so none is pushed or pulled by mistake.
const markRepository = "mesos-docker-containerizer.invalid/pulled"

// markOf is the mark for the name of an image.
func markOf(ref string) string {
	sum := sha256.Sum256([]byte(nameOf(ref)))
	return markRepository + ":" + hex.EncodeToString(sum[:16])
}

func isMark(name string) bool {
	return strings.HasPrefix(name, markRepository+":") || strings.HasPrefix(name, markRepository+"@")
}

// before returns the id of the image that the Engine has under the name that is about to be pulled, empty if it has none.
func (p *Puller) before(ctx context.Context, w wanted) string {
	if !p.marks {
		return ""
	}
	present, err := p.engine.InspectImage(ctx, w.ref, nil)
	if err != nil {
		return ""
	}
	return present.ID
}

// mark marks an image after its pull, unless it was there before: then it is ours only if it has the mark already. One that
// cannot be marked stays for ever, which is the safe side.
func (p *Puller) mark(ctx context.Context, w wanted, before string, logger *zap.Logger) {
	if !p.marks {
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

// ours returns an image as a candidate if each of its names is one that it was pulled under for a task; see markOf.
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
		found.names[nameOf(tag)] = true
		repositories[repository(tag)] = true
	}
	for _, digested := range image.RepoDigests {
		if isMark(digested) || strings.HasPrefix(digested, "<none>") {
			continue
		}
		if !marked[markOf(digested)] && !repositories[repository(digested)] {
			return nil
		}
		found.names[nameOf(digested)] = true
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
