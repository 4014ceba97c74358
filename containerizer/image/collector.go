package image

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"go.uber.org/zap"
)

// Store is what a Collector needs of the Docker Engine.
type Store interface {
	Engine

	// ListImages returns all images of the Engine.
	ListImages(ctx context.Context) ([]image.Summary, error)

	// ImagesInUse returns the names of all containers by the ids of their images.
	ImagesInUse(ctx context.Context) (map[string][]string, error)

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

	Delay     time.Duration // an image is removed when it has not been used for this long; 0 for no clean-up, only surveys
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
	excluded   []*regexp.Regexp
	collecting chan struct{} // held by who collects
}

// NewCollector returns a Collector. It fails on options that cannot be meant.
func NewCollector(o CollectorOptions) (*Collector, error) {
	if o.Delay < 0 || o.Threshold < 0 || o.Threshold > 1 {
		return nil, fmt.Errorf("image: clean-up after %v above %v of the disk: want a delay of 0s or more and a share from 0 to 1", o.Delay, o.Threshold)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	c := &Collector{CollectorOptions: o, collecting: make(chan struct{}, 1)}
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

// Run collects until ctx ends. Without a delay there is nothing to do.
func (c *Collector) Run(ctx context.Context) {
	if c.Delay == 0 {
		return
	}
	ticker := time.NewTicker(min(max(c.Delay/10, minCollectInterval), maxCollectInterval))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if _, err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			c.Logger.Warn("images cannot be cleaned up now", zap.Error(err))
		}
	}
}

// Report is what a Collector has found and done.
type Report struct {
	Delay     time.Duration `json:"delay_ns"` // 0 if there is no clean-up
	Threshold float64       `json:"disk_threshold"`
	DiskUse   float64       `json:"disk_use"` // share of the disk, before anything was removed
	DryRun    bool          `json:"dry_run"`  // nothing was removed, or will be by the daemon itself
	Images    []Judged      `json:"images"`   // ours first, those first that were not used for longest
}

// Survey reports what a collection would do now. It changes nothing.
//
// While the disk is above the threshold all images that may go are Due. A collection stops where enough of them have gone,
// which nobody can tell before: images share layers.
func (c *Collector) Survey(ctx context.Context) (Report, error) {
	now := time.Now()
	all, err := c.survey(ctx, now)
	if err != nil {
		return Report{}, err
	}
	use, err := c.Store.DiskUse(ctx)
	if err != nil {
		return Report{}, err
	}
	for _, image := range all {
		if image.Verdict == Due && use <= c.Threshold {
			image.Verdict = BelowThreshold
		}
	}
	report := c.report(all, use)
	report.DryRun = true
	return report, nil
}

func (c *Collector) report(all []*candidate, use float64) Report {
	r := Report{Delay: c.Delay, Threshold: c.Threshold, DiskUse: use, DryRun: c.DryRun, Images: []Judged{}}
	for _, image := range all {
		r.Images = append(r.Images, image.Judged)
	}
	return r
}

// Collect removes what is due, and notes the use of what is not. It goes on after an image that cannot be removed; its error is
// for the whole, such as an Engine that does not answer. Several calls at once follow one another.
func (c *Collector) Collect(ctx context.Context) (Report, error) {
	select {
	case c.collecting <- struct{}{}:
		defer func() { <-c.collecting }()
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	began := time.Now()
	all, err := c.survey(ctx, began)
	if err != nil {
		return Report{}, err
	}
	for _, image := range all {
		if !image.noteUse {
			continue
		}
		if err := c.Store.TagImage(ctx, image.ID, image.marks[0]); err != nil {
			c.Logger.Warn("use of an image cannot be noted", zap.Strings("image", image.tags), zap.Error(err))
		}
	}
	c.Puller.holds.forget(began)
	use, err := c.Store.DiskUse(ctx)
	if err != nil {
		return Report{}, err
	}
	first := use
	for _, image := range all {
		switch {
		case image.Verdict != Due:
			continue
		case use <= c.Threshold:
			image.Verdict = BelowThreshold
			continue
		}
		c.remove(ctx, image, use)
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		if use, err = c.Store.DiskUse(ctx); err != nil {
			return Report{}, err
		}
	}
	return c.report(all, first), nil
}

// remove removes an image unless somebody has come to need it. The Engine has the last word: it removes nothing that a container
// uses, and the mark is given back then.
func (c *Collector) remove(ctx context.Context, image *candidate, use float64) {
	logger := c.Logger.With(zap.Strings("image", image.tags), zap.String("id", image.ID), zap.Int64("bytes", image.Size),
		zap.Time("last_used", image.LastUse), zap.Float64("disk_use", use))
	done, ok := c.Puller.holds.claim(&image.removal)
	if !ok {
		image.Verdict = Held
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
		image.Verdict = Removed
		c.Puller.observer.ImageRemoved(image.Size)
		logger.Info("image removed")
	case errdefs.IsConflict(err):
		image.Verdict, image.Error = InUse, err.Error()
		logger.Info("image is in use, not removed", zap.Error(err))
	default:
		image.Verdict, image.Error = Failed, err.Error()
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
		err = c.Store.RemoveImage(ctx, image.ID)
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // whoever asked may have left, and an image without its marks is never cleaned up
	for _, name := range extra {
		if restoreErr := c.Store.TagImage(ctx, image.ID, name); restoreErr != nil {
			return fmt.Errorf("%w; and it has lost the name %s: %w", err, name, restoreErr)
		}
	}
	return err
}
