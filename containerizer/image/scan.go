package image

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
)

// Verdict says whether a Collector removes an image, or why not.
type Verdict string

// The verdicts. The first that applies counts.
const (
	NotOurs        Verdict = "not_ours"        // not pulled for a task while the clean-up was on, or has another name
	InUse          Verdict = "in_use"          // containers were made of it
	BuiltOn        Verdict = "built_on"        // other images are built on it
	Held           Verdict = "held"            // a task is about to use it
	Excluded       Verdict = "excluded"        // by the operator
	Off            Verdict = "off"             // the clean-up is off
	UnknownUse     Verdict = "unknown_use"     // the Engine has no time of its last use
	TooYoung       Verdict = "too_young"       // it was used within the delay
	BelowThreshold Verdict = "below_threshold" // the disk has space
	Due            Verdict = "due"             // the next collection removes it

	Removed Verdict = "removed" // by this collection
	Failed  Verdict = "failed"  // the Engine did not remove it
)

// ScannedImage is an image of the Engine with its verdict.
type ScannedImage struct {
	ID      string    `json:"id"`
	Names   []string  `json:"names"` // without marks; empty if it has none
	Size    int64     `json:"size"`  // in bytes, with shared layers
	LastUse time.Time `json:"last_use,omitzero"`
	HeldBy  []string  `json:"held_by,omitempty"` // by containers, or by images built on it
	Verdict Verdict   `json:"verdict"`
	Error   string    `json:"error,omitempty"` // with Failed
}

// candidate is an image during a scan.
type candidate struct {
	removal
	tags  []string // without marks
	marks []string // empty if the image is not ours

	noteUse bool // the use must be stored in the Engine, for later daemons
	ScannedImage
}

// scan gives all images a verdict, without regard to the disk: those that may go are Due. It changes nothing.
func (c *rules) scan(ctx context.Context, now time.Time) ([]*candidate, error) {
	list, err := c.Store.ListImages(ctx)
	if err != nil {
		return nil, err
	}
	containers, err := c.Store.ImagesInUse(ctx)
	if err != nil {
		return nil, err
	}
	children := make(map[string][]string)
	for _, image := range list {
		if image.ParentID != "" {
			children[image.ParentID] = append(children[image.ParentID], shown(image)...)
		}
	}
	var all []*candidate
	for _, image := range list {
		found := ours(image)
		if found == nil {
			found = &candidate{removal: removal{id: image.ID}, ScannedImage: ScannedImage{Verdict: NotOurs}}
		}
		found.ID, found.Names, found.Size = image.ID, names(image), image.Size
		users, used := containers[image.ID]
		above, base := children[image.ID]
		switch {
		case used:
			found.HeldBy = users
		case base:
			found.HeldBy = above
		}
		if len(found.marks) > 0 {
			if err := c.decide(ctx, found, used, base, now); err != nil {
				if errdefs.IsNotFound(err) {
					continue // removed meanwhile
				}
				return nil, err
			}
		}
		all = append(all, found)
	}
	rank := func(c *candidate) int { // those that are ours first
		if c.Verdict == NotOurs {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b *candidate) int {
		return cmp.Or(rank(a)-rank(b), a.LastUse.Compare(b.LastUse), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

// decide sets the verdict and the last use of an image that is ours.
func (c *rules) decide(ctx context.Context, found *candidate, used, base bool, now time.Time) error {
	lastHold, held := c.Puller.holds.lastUse(&found.removal)
	if used || base {
		found.LastUse = now
	} else {
		inspected, err := c.Store.InspectImage(ctx, found.ID, nil)
		if err != nil {
			return err
		}
		found.LastUse = inspected.Metadata.LastTagTime
		if lastHold.After(found.LastUse) {
			found.LastUse = lastHold
		}
	}
	found.noteUse = used || base || !lastHold.IsZero()
	switch {
	case used:
		found.Verdict = InUse
	case base:
		found.Verdict = BuiltOn
	case held:
		found.Verdict = Held
	case c.isExcluded(found):
		found.Verdict = Excluded
	case c.Delay == 0:
		found.Verdict = Off
	case found.LastUse.IsZero():
		found.Verdict = UnknownUse
	case now.Sub(found.LastUse) < c.Delay:
		found.Verdict = TooYoung
	default:
		found.Verdict = Due
	}
	return nil
}

// isExcluded matches the patterns against every form of the names.
func (c *rules) isExcluded(image *candidate) bool {
	for name := range image.names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			continue
		}
		forms := []string{name, named.Name(), reference.FamiliarString(named), reference.FamiliarName(named)}
		for _, pattern := range c.excluded {
			if slices.ContainsFunc(forms, pattern.MatchString) {
				return true
			}
		}
	}
	return false
}

// names returns an image's names for display.
func names(image image.Summary) []string {
	found := []string{} // an empty list, not null
	for _, list := range [][]string{image.RepoTags, image.RepoDigests} {
		for _, name := range list {
			if !isMark(name) && !strings.HasPrefix(name, "<none>") {
				found = append(found, name)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return found
}

// shown returns the names, or the ID of an image without names.
func shown(image image.Summary) []string {
	if named := names(image); len(named) > 0 {
		return named
	}
	return []string{image.ID}
}
