package image

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fakeStore is an Engine with images, by id, that removes as the real one does.
type fakeStore struct {
	fakeEngine
	images map[string]*storedImage
	used   map[string]bool
	disk   float64
	freed  float64 // by each image
	during func()  // called in the middle of a removal
}

type storedImage struct {
	tags, digests []string
	parent        string
	tagged        time.Time
	size          int64
}

func (s *fakeStore) ListImages(context.Context) (list []image.Summary, err error) {
	for _, id := range slices.Sorted(maps.Keys(s.images)) {
		i := s.images[id]
		list = append(list, image.Summary{ID: id, RepoTags: slices.Clone(i.tags), RepoDigests: slices.Clone(i.digests), ParentID: i.parent, Size: i.size})
	}
	return list, nil
}

func (s *fakeStore) ImagesInUse(context.Context) (map[string][]string, error) {
	used := map[string][]string{}
	for id := range s.used {
		used[id] = []string{"container-of-" + id}
	}
	return used, nil
}

func (s *fakeStore) InspectImage(_ context.Context, ref string, _ *ocispec.Platform) (image.InspectResponse, error) {
	i := s.images[ref]
	if i == nil {
		return image.InspectResponse{}, errdefs.ErrNotFound
	}
	return image.InspectResponse{ID: ref, Metadata: image.Metadata{LastTagTime: i.tagged}}, nil
}

func (s *fakeStore) TagImage(ctx context.Context, id, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	i := s.images[id]
	if i == nil {
		return errdefs.ErrNotFound
	}
	if !slices.Contains(i.tags, name) {
		i.tags = append(i.tags, name)
	}
	i.tagged = time.Now()
	return nil
}

func (s *fakeStore) RemoveImage(ctx context.Context, ref string) error {
	if s.during != nil {
		s.during()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if i := s.images[ref]; i != nil {
		if s.used[ref] || len(i.tags) > 1 {
			return errdefs.ErrConflict
		}
		delete(s.images, ref)
		s.disk -= s.freed
		return nil
	}
	for _, i := range s.images {
		i.tags = slices.DeleteFunc(i.tags, func(tag string) bool { return tag == ref })
	}
	return nil
}

func (s *fakeStore) DiskUse(context.Context) (float64, error) { return s.disk, nil }

// add adds an image that was pulled under the names, and last used so long ago.
func (s *fakeStore) add(id string, ago time.Duration, names ...string) *storedImage {
	i := &storedImage{tagged: time.Now().Add(-ago)}
	for _, name := range names {
		if strings.Contains(name, "@") {
			i.digests = append(i.digests, name)
		} else {
			i.tags = append(i.tags, name)
		}
		i.tags = append(i.tags, markOf(name))
	}
	s.images[id] = i
	return i
}

func newCollector(t *testing.T, s *fakeStore, change func(*CollectorOptions)) *Collector {
	t.Helper()
	o := CollectorOptions{Store: s, Puller: newPuller(t, s), Delay: time.Hour}
	if change != nil {
		change(&o)
	}
	c, err := NewCollector(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newStore() *fakeStore {
	return &fakeStore{images: map[string]*storedImage{}, used: map[string]bool{}, disk: 0.9, freed: 0.1}
}

func TestWhatIsRemoved(t *testing.T) {
	for _, tt := range []struct {
		name    string
		image   func(s *fakeStore) *storedImage
		verdict Verdict
	}{
		{"pulled and unused", func(s *fakeStore) *storedImage { return s.add("a", 2*time.Hour, "app:v1") }, Due},
		{"pulled by two names", func(s *fakeStore) *storedImage { return s.add("a", 2*time.Hour, "app:v1", "registry:5000/app") }, Due},
		{"pulled by digest", func(s *fakeStore) *storedImage { return s.add("a", 2*time.Hour, "app@"+digest) }, Due},
		{"with the digest that a pull by tag brings", func(s *fakeStore) *storedImage {
			i := s.add("a", 2*time.Hour, "app:v1")
			i.digests = []string{"app@" + digest}
			return i
		}, Due},
		{"whose name a person has taken away", func(s *fakeStore) *storedImage {
			i := s.add("a", 2*time.Hour, "app:v1")
			i.tags = i.tags[1:]
			return i
		}, Due},
		{"used of late", func(s *fakeStore) *storedImage { return s.add("a", 59*time.Minute, "app:v1") }, TooYoung},
		{"not pulled by us", func(s *fakeStore) *storedImage {
			i := s.add("a", 2*time.Hour)
			i.tags = []string{"app:v1"}
			return i
		}, NotOurs},
		{"with a name that is not ours", func(s *fakeStore) *storedImage {
			i := s.add("a", 2*time.Hour, "app:v1")
			i.tags = append(i.tags, "mine:v1")
			return i
		}, NotOurs},
		{"that another client pulled by digest", func(s *fakeStore) *storedImage {
			i := s.add("a", 2*time.Hour, "app:v1")
			i.digests = []string{"mirror/app@" + digest}
			return i
		}, NotOurs},
		{"in use", func(s *fakeStore) *storedImage {
			s.used["a"] = true
			return s.add("a", 2*time.Hour, "app:v1")
		}, InUse},
		{"that another is built on", func(s *fakeStore) *storedImage {
			s.images["b"] = &storedImage{parent: "a", tags: []string{"built:v1"}}
			return s.add("a", 2*time.Hour, "app:v1")
		}, BuiltOn},
		{"excluded by name", func(s *fakeStore) *storedImage { return s.add("a", 2*time.Hour, "registry:5000/base/java:17") }, Excluded},
		{"excluded by tag", func(s *fakeStore) *storedImage { return s.add("a", 2*time.Hour, "keep:stable") }, Excluded},
		{"not excluded by tag", func(s *fakeStore) *storedImage { return s.add("a", 2*time.Hour, "keep:other") }, Due},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore()
			stored := tt.image(s)
			before, tagged := slices.Clone(stored.tags), stored.tagged
			c := newCollector(t, s, func(o *CollectorOptions) { o.Exclude = []string{"registry:5000/base/*", "keep:stable"} })
			report, err := c.Scan(t.Context())
			if got := verdictOf(report, "a"); err != nil || got != tt.verdict || !report.DryRun {
				t.Errorf("a scan says %q (%+v), %v", got, report, err)
			}
			if left := s.images["a"]; left == nil || !left.tagged.Equal(tagged) || !slices.Equal(left.tags, before) {
				t.Fatal("a scan changes something")
			}
			report, err = c.Collect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done := tt.verdict
			if done == Due {
				done = Removed
			}
			if got := verdictOf(report, "a"); got != done {
				t.Errorf("the collection says %q", got)
			}
			left := s.images["a"]
			if (left == nil) != (tt.verdict == Due) {
				t.Errorf("removed %v", left == nil)
			}
			if left != nil {
				if diff := cmp.Diff(before, left.tags); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func verdictOf(r Report, id string) Verdict {
	for _, judged := range r.Images {
		if judged.ID == id {
			return judged.Verdict
		}
	}
	return ""
}

// The one that was not used for longest goes first, and no more go than the disk needs.
func TestLeastRecentlyUsedFirst(t *testing.T) {
	s := newStore()
	for n := range 6 {
		s.add(fmt.Sprint("i", n), time.Duration(10-n)*time.Hour, fmt.Sprintf("app:v%d", n))
	}
	c := newCollector(t, s, func(o *CollectorOptions) { o.Threshold = 0.65 })
	if _, err := c.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(slices.Sorted(maps.Keys(s.images))); got != "[i3 i4 i5]" {
		t.Error(got)
	}
}

func TestDryRun(t *testing.T) {
	s := newStore()
	s.add("a", 2*time.Hour, "app:v1")
	c := newCollector(t, s, func(o *CollectorOptions) { o.DryRun = true })
	if _, err := c.Collect(t.Context()); err != nil || s.images["a"] == nil || len(s.images["a"].tags) != 2 {
		t.Errorf("%v, %v", s.images, err)
	}
}

// An image between its pull and the container that is made of it is safe.
func TestHeldImageIsNotCollected(t *testing.T) {
	s := newStore()
	s.add("a", 2*time.Hour, "app:v1")
	c := newCollector(t, s, nil)
	release := c.current.Load().Puller.Hold(t.Context(), "app:v1")
	for range 2 {
		if _, err := c.Collect(t.Context()); err != nil || s.images["a"] == nil {
			t.Fatalf("%v, %v", s.images, err)
		}
	}
	release()
	if _, err := c.Collect(t.Context()); err != nil || s.images["a"] == nil {
		t.Errorf("removed right after its use: %v", err)
	}
}

// The time since a use counts from its end, and survives the daemon in the time of the mark.
func TestUseIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.add("a", 2*time.Hour, "app:v1")
		s.used["a"] = true
		c := newCollector(t, s, nil)
		if _, err := c.Collect(t.Context()); err != nil || s.images["a"] == nil {
			t.Fatal(err)
		}
		delete(s.used, "a")
		time.Sleep(59 * time.Minute)
		c = newCollector(t, s, nil) // another daemon
		if _, err := c.Collect(t.Context()); err != nil || s.images["a"] == nil {
			t.Fatalf("removed too early: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := c.Collect(t.Context()); err != nil || s.images["a"] != nil {
			t.Errorf("not removed: %v", err)
		}
	})
}

// A container that is made in the middle of a removal keeps its image, and the image its marks.
func TestContainerInTheMiddle(t *testing.T) {
	s := newStore()
	s.add("a", 2*time.Hour, "app:v1", "app:v2")
	before := slices.Sorted(slices.Values(s.images["a"].tags))
	s.during = func() { s.used["a"] = true }
	if _, err := newCollector(t, s, nil).Collect(t.Context()); err != nil || s.images["a"] == nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, slices.Sorted(slices.Values(s.images["a"].tags))); diff != "" {
		t.Error(diff)
	}
}

// An admin who leaves in the middle of a collection, or a daemon that ends then, leaves no image behind that nobody would ever
// clean up because it has lost its mark.
func TestCollectionGivenUpInTheMiddle(t *testing.T) {
	s := newStore()
	i := s.add("old", 2*time.Hour, "app:1", "app:latest")
	before := slices.Sorted(slices.Values(i.tags))
	ctx, leave := context.WithCancel(t.Context())
	calls := 0
	s.during = func() {
		if calls++; calls == 2 {
			leave()
		}
	}
	if _, err := newCollector(t, s, nil).Collect(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if diff := cmp.Diff(before, slices.Sorted(slices.Values(i.tags))); diff != "" {
		t.Error(diff)
	}
}

func TestMarking(t *testing.T) {
	for _, tt := range []struct {
		name    string
		present bool
		force   bool
		marks   bool
		want    int
	}{
		{"pulled", false, false, true, 1},
		{"present", true, false, true, 0},
		{"turned off", false, false, false, 0},
		{"forced, and new", true, true, true, 1},
	} {
		e := &fakeEngine{present: map[string]bool{"app:v1": tt.present}, pull: arrives}
		p, err := New(Options{Engine: e, InactivityTimeout: time.Minute, MarkPulled: tt.marks})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Pull(t.Context(), Request{Reference: "app:v1", Force: tt.force}); err != nil {
			t.Fatal(err)
		}
		if len(e.tags) != tt.want || tt.want > 0 && e.tags[0] != "app:v1 "+markOf("docker.io/library/app:v1") {
			t.Errorf("%s: %q", tt.name, e.tags)
		}
	}
}

func TestCollectorOptions(t *testing.T) {
	for _, o := range []CollectorOptions{{Delay: -1}, {Delay: 1, Threshold: 1.1}, {Delay: 1, Threshold: -0.1}} {
		if _, err := NewCollector(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
