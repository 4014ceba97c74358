package image

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"go.uber.org/zap"
)

// Store is the part of the Docker Engine's API that a Collector uses.
type Store interface {
	Engine

	// ListImages returns all images of the Engine.
	ListImages(ctx context.Context) ([]image.Summary, error)

	// ImagesInUse returns the names of all containers by image ID.
	ImagesInUse(ctx context.Context) (map[string][]string, error)

	// RemoveImage removes a name of an image, and the image with its last name; with an ID it removes the image. It fails with
	// errdefs.ErrConflict if a container uses the image.
	RemoveImage(ctx context.Context, ref string) error

	// DiskUse returns the used share of the disk with the images, from 0 to 1.
	DiskUse(ctx context.Context) (float64, error)
}

// CollectorOptions configure a Collector.
type CollectorOptions struct {
	Store  Store
	Puller *Puller // with Options.MarkPulled; images that it holds are not removed

	Delay     time.Duration // images unused for this long are removed; 0 for no clean-up, only scans
	Threshold float64       // images are removed while more than this share of the disk is used, from 0 to 1
	Exclude   []string      // names that are never removed, with or without a tag; * matches anything
	DryRun    bool          // log what would be removed, and remove nothing
	Logger    *zap.Logger   // nil for none
}

// Collector removes images that were pulled for tasks and that nothing has used for a time, the least recently used first. It keeps
// images of containers, images that a task is about to use, images with a name from elsewhere, and images that others are built
// on.
type Collector struct {
	current    atomic.Pointer[rules]
	changed    chan struct{} // buffered: current is another
	collecting chan struct{} // a semaphore for Collect
}

// rules are the options, which do not change.
type rules struct {
	CollectorOptions
	excluded []*regexp.Regexp
}

// NewCollector returns a Collector, or an error for options that are out of range.
func NewCollector(o CollectorOptions) (*Collector, error) {
	c := &Collector{changed: make(chan struct{}, 1), collecting: make(chan struct{}, 1)}
	return c, c.Change(o)
}

// Change replaces the options for scans and collections that begin from now on. With an error nothing has changed.
func (c *Collector) Change(o CollectorOptions) error {
	if o.Delay < 0 || o.Threshold < 0 || o.Threshold > 1 {
		return fmt.Errorf("image: clean-up after %v above %v of the disk: want a delay of 0s or more and a share from 0 to 1", o.Delay, o.Threshold)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	r := &rules{CollectorOptions: o}
	for _, pattern := range o.Exclude {
		r.excluded = append(r.excluded, glob(pattern))
	}
	c.current.Store(r)
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// glob compiles a pattern in which * matches anything, including slashes (unlike path.Match).
func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `$`)
}

const (
	// The interval between collections is a tenth of the delay, within these bounds.
	minCollectInterval = 10 * time.Second
	maxCollectInterval = 10 * time.Minute
)

// Run collects until ctx ends, while there is a delay.
func (c *Collector) Run(ctx context.Context) {
	for {
		var due <-chan time.Time
		if delay := c.current.Load().Delay; delay > 0 {
			due = time.After(min(max(delay/10, minCollectInterval), maxCollectInterval))
		}
		select {
		case <-due:
		case <-c.changed:
			continue
		case <-ctx.Done():
			return
		}
		if _, err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			level := zap.WarnLevel
			if errdefs.IsUnavailable(err) { // that the Engine is away is said elsewhere
				level = zap.DebugLevel
			}
			c.current.Load().Logger.Log(level, "images cannot be cleaned up now", zap.Error(err))
		}
	}
}

// Report is the result of a scan or a collection.
type Report struct {
	Delay     time.Duration  `json:"delay_ns"` // 0 without a clean-up
	Threshold float64        `json:"disk_threshold"`
	DiskUse   float64        `json:"disk_use"` // share of the disk before the collection
	DryRun    bool           `json:"dry_run"`  // nothing was removed; or the daemon removes nothing by itself
	Images    []ScannedImage `json:"images"`   // ours first, the least recently used first
}

// Scan reports what a collection would do now. It changes nothing.
//
// While the disk is above the threshold, all images that may go are Due. A collection stops when the disk is below it. How many
// images that takes is not known before, because images share layers.
func (c *Collector) Scan(ctx context.Context) (Report, error) {
	now, r := time.Now(), c.current.Load()
	all, err := r.scan(ctx, now)
	if err != nil {
		return Report{}, err
	}
	use, err := r.Store.DiskUse(ctx)
	if err != nil {
		return Report{}, err
	}
	for _, image := range all {
		if image.Verdict == Due && use <= r.Threshold {
			image.Verdict = BelowThreshold
		}
	}
	report := r.report(all, use)
	report.DryRun = true
	return report, nil
}

func (r *rules) report(all []*candidate, use float64) Report {
	report := Report{Delay: r.Delay, Threshold: r.Threshold, DiskUse: use, DryRun: r.DryRun, Images: []ScannedImage{}}
	for _, image := range all {
		report.Images = append(report.Images, image.ScannedImage)
	}
	return report
}

// Collect removes the images that are due and stores the use of the others. It continues after an image that cannot be removed; its
// error concerns the whole, such as an Engine that does not answer. Concurrent calls run one after another.
func (c *Collector) Collect(ctx context.Context) (Report, error) {
	select {
	case c.collecting <- struct{}{}:
		defer func() { <-c.collecting }()
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	began, r := time.Now(), c.current.Load()
	all, err := r.scan(ctx, began)
	if err != nil {
		return Report{}, err
	}
	for _, image := range all {
		if !image.noteUse {
			continue
		}
		if err := r.Store.TagImage(ctx, image.ID, image.marks[0]); err != nil {
			r.Logger.Warn("the use of an image cannot be stored", zap.Strings("image", image.tags), zap.Error(err))
		}
	}
	r.Puller.holds.forget(began)
	use, err := r.Store.DiskUse(ctx)
	if err != nil {
		return Report{}, err
	}
	first := use
	for _, image := range all {
		switch {
		case image.Verdict != Due:
			continue
		case use <= r.Threshold:
			image.Verdict = BelowThreshold
			continue
		}
		r.remove(ctx, image, use)
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		if use, err = r.Store.DiskUse(ctx); err != nil {
			return Report{}, err
		}
	}
	return r.report(all, first), nil
}

// remove removes an image unless it is held by now. The Engine refuses if a container uses the image; its mark is then restored.
func (r *rules) remove(ctx context.Context, image *candidate, use float64) {
	logger := r.Logger.With(zap.Strings("image", image.tags), zap.String("id", image.ID), zap.Int64("bytes", image.Size),
		zap.Time("last_used", image.LastUse), zap.Float64("disk_use", use))
	done, ok := r.Puller.holds.claim(&image.removal)
	if !ok {
		image.Verdict = Held
		return
	}
	defer done()
	if r.DryRun {
		logger.Info("image would be removed")
		return
	}
	err := r.take(ctx, image)
	switch {
	case err == nil:
		image.Verdict = Removed
		r.Puller.observer.ImageRemoved(image.Size)
		logger.Info("image removed")
	case errdefs.IsConflict(err):
		image.Verdict, image.Error = InUse, err.Error()
		logger.Info("image is in use, not removed", zap.Error(err))
	default:
		image.Verdict, image.Error = Failed, err.Error()
		logger.Warn("image cannot be removed", zap.Error(err))
	}
}

// take removes all names but one, and then the image by its ID. Unlike the removal of a name, that fails if a container uses the
// image.
func (r *rules) take(ctx context.Context, image *candidate) error {
	extra := slices.Clone(image.marks)
	if len(image.tags) > 0 {
		extra = append(extra, image.tags[1:]...)
	} else {
		extra = extra[1:]
	}
	var err error
	for _, name := range extra {
		if err = r.Store.RemoveImage(ctx, name); err != nil {
			break
		}
	}
	if err == nil {
		err = r.Store.RemoveImage(ctx, image.ID)
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // the caller may have left, and an image without its marks is never removed
	for _, name := range extra {
		if restoreErr := r.Store.TagImage(ctx, image.ID, name); restoreErr != nil {
			return fmt.Errorf("%w; and it has lost the name %s: %w", err, name, restoreErr)
		}
	}
	return err
}

// HandleAdmin serves a Report to admins: GET /images scans, POST /images/gc collects. A failure is a line of text.
func (c *Collector) HandleAdmin(mux *http.ServeMux) {
	mux.HandleFunc("GET /images", func(w http.ResponseWriter, r *http.Request) { c.answer(w, r, c.Scan) })
	mux.HandleFunc("POST /images/gc", func(w http.ResponseWriter, r *http.Request) {
		if c.current.Load().Delay == 0 {
			http.Error(w, "the clean-up of images is off: set image_gc_delay, and `mesos-docker-containerizer reload`", http.StatusConflict)
			return
		}
		c.answer(w, r, c.Collect)
	})
}

// answer sends the report of work, without a deadline. The request's context ends work.
func (c *Collector) answer(w http.ResponseWriter, r *http.Request, work func(context.Context) (Report, error)) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // an error leaves the deadline as it is
	_ = control.SetWriteDeadline(time.Time{})
	report, err := work(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(report); err != nil {
		c.current.Load().Logger.Debug("an admin left before the answer", zap.Error(err))
	}
}
