package image

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a scan says of each image beyond its verdict, and in which order.
func TestScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.add("old", 5*time.Hour, "old:v1")
		s.add("young", time.Minute, "young:v1")
		s.add("used", 3*time.Hour, "used:v1")
		s.used["used"] = true
		s.images["foreign"] = &storedImage{tags: []string{"<none>:<none>"}, parent: "base"}
		s.images["child"] = &storedImage{tags: []string{"child:v1"}, parent: "base"}
		s.add("base", 6*time.Hour, "base:v1")
		s.add("undated", 0, "undated:v1").tagged = time.Time{}
		got, err := newCollector(t, s, func(o *CollectorOptions) { o.Threshold = 0.5 }).Scan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		want := Report{Delay: time.Hour, Threshold: 0.5, DiskUse: 0.9, DryRun: true, Images: []ScannedImage{
			{ID: "undated", Names: []string{"undated:v1"}, Verdict: UnknownUse},
			{ID: "old", Names: []string{"old:v1"}, LastUse: now.Add(-5 * time.Hour), Verdict: Due},
			{ID: "young", Names: []string{"young:v1"}, LastUse: now.Add(-time.Minute), Verdict: TooYoung},
			{ID: "base", Names: []string{"base:v1"}, LastUse: now, HeldBy: []string{"child:v1", "foreign"}, Verdict: BuiltOn},
			{ID: "used", Names: []string{"used:v1"}, LastUse: now, HeldBy: []string{"container-of-used"}, Verdict: InUse},
			{ID: "child", Names: []string{"child:v1"}, Verdict: NotOurs},
			{ID: "foreign", Names: []string{}, Verdict: NotOurs},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestVerdictsThatDependOnMore(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*CollectorOptions)
		hold   bool
		want   Verdict
	}{
		{"held", nil, true, Held},
		{"the disk has room", func(o *CollectorOptions) { o.Threshold = 0.9 }, false, BelowThreshold},
		{"no clean-up", func(o *CollectorOptions) { o.Delay = 0 }, false, Off},
		{"dry run", func(o *CollectorOptions) { o.DryRun = true }, false, Due},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore()
			s.add("a", 2*time.Hour, "app:v1")
			c := newCollector(t, s, tt.change)
			if tt.hold {
				defer c.current.Load().Puller.Hold(t.Context(), "app:v1")()
			}
			scan, err := c.Scan(t.Context())
			if got := verdictOf(scan, "a"); err != nil || got != tt.want {
				t.Errorf("a scan says %q, %v", got, err)
			}
			collection, err := c.Collect(t.Context())
			if got := verdictOf(collection, "a"); err != nil || got != tt.want || s.images["a"] == nil {
				t.Errorf("a collection says %q, %v", got, err)
			}
		})
	}
}

// brokenStore removes nothing.
type brokenStore struct{ *fakeStore }

func (brokenStore) RemoveImage(ctx context.Context, ref string) error {
	return errors.New("input/output error")
}

func TestImageThatCannotBeRemoved(t *testing.T) {
	s := brokenStore{newStore()}
	s.add("a", 2*time.Hour, "app:v1")
	c, err := NewCollector(CollectorOptions{Store: s, Puller: newPuller(t, s), Delay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	report, err := c.Collect(t.Context())
	if err != nil || verdictOf(report, "a") != Failed || !strings.Contains(report.Images[0].Error, "input/output error") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestHandler(t *testing.T) {
	s := newStore()
	s.add("a", 2*time.Hour, "app:v1")
	ask := func(c *Collector, method, path string) (status int, text string) {
		t.Helper()
		mux := http.NewServeMux()
		c.HandleAdmin(mux)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
		return answer.Code, answer.Body.String()
	}
	verdict := func(text string) Verdict {
		t.Helper()
		var r Report
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return verdictOf(r, "a")
	}
	off := newCollector(t, s, func(o *CollectorOptions) { o.Delay = 0 })
	if status, text := ask(off, http.MethodPost, "/images/gc"); status != http.StatusConflict || !strings.Contains(text, "image_gc_delay") {
		t.Errorf("clean-up is off: %d %s", status, text)
	}
	c := newCollector(t, s, nil)
	if status, text := ask(c, http.MethodGet, "/images"); status != http.StatusOK || verdict(text) != Due || s.images["a"] == nil {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := ask(c, http.MethodGet, "/images/gc"); status == http.StatusOK || s.images["a"] == nil {
		t.Errorf("a GET removes images: %d", status)
	}
	if status, text := ask(c, http.MethodPost, "/images/gc"); status != http.StatusOK || verdict(text) != Removed || s.images["a"] != nil {
		t.Errorf("%d %s", status, text)
	}
	broken, err := NewCollector(CollectorOptions{Store: silentStore{s}, Puller: newPuller(t, s), Delay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := ask(broken, http.MethodGet, "/images"); status != http.StatusBadGateway || !strings.Contains(text, "no answer") {
		t.Errorf("%d %s", status, text)
	}
}

// silentStore is an Engine that does not tell its images.
type silentStore struct{ *fakeStore }

func (silentStore) ImagesInUse(context.Context) (map[string][]string, error) {
	return nil, errors.New("no answer")
}
