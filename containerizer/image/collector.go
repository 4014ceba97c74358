package image

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"go.uber.org/zap"
)

// Store is what a Collector needs of the Docker Engine.
type Store interface {
	Engine

	// ListImages returns all images of the Engine.
	ListImages(ctx context.Context) ([]image.Summary, error)

	// ImagesInUse returns the ids of the images of all containers.
	ImagesInUse(ctx context.Context) (map[string]bool, error)

	// RemoveImage takes a name from an image and removes it with the last one; by id it removes the image. It fails with
	// errdefs.ErrConflict if a container uses the image.
	RemoveImage(ctx context.Context, ref string) error

	// DiskUse is the share of the disk with the images that is in use, from 0 to 1.
	DiskUse(ctx context.Context) (float64, error)
}

// CollectorOptions are what a Collector needs to know.
type CollectorOptions struct {
	Store  Store
	Puller *Puller // with Options.MarkPulled; what it holds is not removed

	Delay     time.Duration // an image is removed when it has not been used for this long; more than 0
	Threshold float64       // and while more than this share of the disk is in use, from 0 to 1
	Exclude   []string      // names that are never removed, with or without a tag; * stands for anything
	DryRun    bool          // only say what would be removed
	Logger    *zap.Logger   // nil for none
}

// Collector removes images that were pulled for tasks and that nothing has used for a time, the one that was not used for
// longest first. It leaves alone what a container was made of, what a task is about to use, what has a name that somebody else
// gave, and what other images are built on.
type Collector struct {
	CollectorOptions
	excluded []*regexp.Regexp
}

// NewCollector returns a Collector. It fails on options that cannot be meant.
func NewCollector(o CollectorOptions) (*Collector, error) {
	if o.Delay <= 0 || o.Threshold < 0 || o.Threshold > 1 {
		return nil, fmt.Errorf("image: clean-up after %v above %v of the disk: want a delay above 0s and a share from 0 to 1", o.Delay, o.Threshold)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	c := &Collector{CollectorOptions: o}
	for _, pattern := range o.Exclude {
		c.excluded = append(c.excluded, glob(pattern))
	}
	return c, nil
}

// glob is a pattern in which * stands for anything, slashes included (path.Match would stop there).
func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `$`)
}

const (
	// The collector looks at a fraction of its delay, so that images go when they are due, within these bounds.
	minCollectInterval = 10 * time.Second
	maxCollectInterval = 10 * time.Minute
)

// Run collects until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	ticker := time.NewTicker(min(max(c.Delay/10, minCollectInterval), maxCollectInterval))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			c.Logger.Warn("images cannot be cleaned up now", zap.Error(err))
		}
	}
}

// Collect removes what is due, and notes the use of what is not. It goes on after an image that cannot be removed; its error is
// for the whole, such as an Engine that does not answer.
func (c *Collector) Collect(ctx context.Context) error {
	began := time.Now()
	candidates, err := c.candidates(ctx)
	if err != nil {
		return err
	}
	c.Puller.holds.forget(began)
	slices.SortFunc(candidates, func(a, b *candidate) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.id, b.id)) })
	for _, image := range candidates {
		if began.Sub(image.used) < c.Delay {
			return nil // and so are all that follow
		}
		use, err := c.Store.DiskUse(ctx)
		if err != nil {
			return err
		}
		if use <= c.Threshold {
			return nil
		}
		c.remove(ctx, image, use)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// candidate is an image that is ours alone and that nothing uses.
type candidate struct {
	removal
	tags  []string // without marks
	marks []string
	size  int64
	used  time.Time
}

// candidates lists the images that may be removed, and notes the use of those that are in use.
func (c *Collector) candidates(ctx context.Context) ([]*candidate, error) {
	list, err := c.Store.ListImages(ctx)
	if err != nil {
		return nil, err
	}
	used, err := c.Store.ImagesInUse(ctx)
	if err != nil {
		return nil, err
	}
	for _, image := range list {
		used[image.ParentID] = true // by the one that is built on it
	}
	var candidates []*candidate
	for _, image := range list {
		found := ours(image)
		if found == nil {
			continue
		}
		held := c.Puller.holds.lastUse(&found.removal)
		if used[image.ID] || !held.IsZero() {
			// The Engine keeps the time for whatever daemon comes after this one.
			if err := c.Store.TagImage(ctx, image.ID, found.marks[0]); err != nil {
				c.Logger.Warn("use of an image cannot be noted", zap.Strings("image", found.tags), zap.Error(err))
			}
			if used[image.ID] {
				continue
			}
		}
		if c.isExcluded(found) {
			continue
		}
		inspected, err := c.Store.InspectImage(ctx, image.ID, nil)
		if errdefs.IsNotFound(err) {
			continue // it is gone
		}
		if err != nil {
			return nil, err
		}
		found.used = inspected.Metadata.LastTagTime
		if held.After(found.used) {
			found.used = held
		}
		if found.used.IsZero() {
			continue // an Engine that does not say when gives no reason to remove anything
		}
		candidates = append(candidates, found)
	}
	return candidates, nil
}

// isExcluded compares the patterns with every way to write the names.
func (c *Collector) isExcluded(image *candidate) bool {
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

// remove removes an image unless somebody has come to need it. The Engine has the last word: it removes nothing that a container
// uses, and the mark is given back then.
func (c *Collector) remove(ctx context.Context, image *candidate, use float64) {
	logger := c.Logger.With(zap.Strings("image", image.tags), zap.String("id", image.id), zap.Int64("bytes", image.size),
		zap.Time("last_used", image.used), zap.Float64("disk_use", use))
	done, ok := c.Puller.holds.claim(&image.removal)
	if !ok {
		return
	}
	defer done()
	if c.DryRun {
		logger.Info("image would be removed")
		return
	}
	err := c.take(ctx, image)
	switch {
	case err == nil:
		logger.Info("image removed")
	case errdefs.IsConflict(err):
		logger.Info("image is in use, not removed", zap.Error(err))
	default:
		logger.Warn("image cannot be removed", zap.Error(err))
	}
}

// take takes all names but one, so that the Engine can be told to remove the image by its id. That, unlike the removal of a
// name, fails where a container uses the image.
func (c *Collector) take(ctx context.Context, image *candidate) error {
	extra := slices.Clone(image.marks)
	if len(image.tags) > 0 {
		extra = append(extra, image.tags[1:]...)
	} else {
		extra = extra[1:]
	}
	var err error
	for _, name := range extra {
		if err = c.Store.RemoveImage(ctx, name); err != nil {
			break
		}
	}
	if err == nil {
		err = c.Store.RemoveImage(ctx, image.id)
	}
	if err == nil {
		return nil
	}
	for _, name := range extra {
		if restoreErr := c.Store.TagImage(ctx, image.id, name); restoreErr != nil {
			return fmt.Errorf("%w; and it has lost the name %s: %w", err, name, restoreErr)
		}
	}
	return err
}
