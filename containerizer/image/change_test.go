package image

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/distribution/reference"
)

// A wrong file changes nothing, and a right one counts for the next try.
func TestCredentialsChange(t *testing.T) {
	e := &fakeEngine{present: map[string]bool{}}
	p := newPuller(t, e)
	source := func() string {
		t.Helper()
		named, err := parseReference("registry.example/app:1")
		if err != nil {
			t.Fatal(err)
		}
		_, source, err := p.operatorLogin(t.Context(), named.(reference.Named))
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	file := func(content string) []DockerConfig {
		return []DockerConfig{{Source: "a file", Content: []byte(content)}}
	}
	if got := source(); got != "" {
		t.Errorf("credentials from %q", got)
	}
	if err := p.Change(file(`{"auths": {"registry.example": {"auth": "dTpw"}}}`), true); err != nil || source() != "a file" {
		t.Errorf("%v, from %q", err, source())
	}
	if err := p.Change(file(`{"auths": 1}`), false); err == nil || source() != "a file" || !p.operator.Load().marks {
		t.Errorf("%v, from %q", err, source())
	}
	if err := p.Change(nil, false); err != nil || source() != "" {
		t.Errorf("%v, from %q", err, source())
	}
}

// The clean-up begins, and ends, with a change of its delay.
func TestCollectorChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := newCollector(t, s, func(o *CollectorOptions) { o.Delay = 0 })
		options := c.current.Load().CollectorOptions
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.Run(ctx) }()
		s.add("old", 365*24*time.Hour, "app:1")
		var removals atomic.Int64
		s.during = func() { removals.Add(1) }
		collected := func(after time.Duration) bool {
			t.Helper()
			before := removals.Load()
			time.Sleep(after)
			synctest.Wait()
			return removals.Load() > before
		}
		if collected(24 * time.Hour) {
			t.Error("it collects although it is off")
		}
		options.Delay = time.Hour
		if err := c.Change(options); err != nil || !collected(7*time.Minute) {
			t.Errorf("it does not begin: %v", err)
		}
		options.Threshold = 2
		if err := c.Change(options); err == nil || !strings.Contains(err.Error(), "share from 0 to 1") || c.current.Load().Threshold != 0 {
			t.Errorf("%v", err)
		}
		options.Threshold, options.Delay = 0, 0
		s.add("new", 365*24*time.Hour, "app:2")
		if err := c.Change(options); err != nil || collected(24*time.Hour) {
			t.Errorf("it does not end: %v", err)
		}
		cancel()
		<-ended
	})
}
