package image

import (
	"sync"
	"time"
)

// firstSilence is how long a pull may be without news before its tasks are told so. From then on they are told again after twice the
// time.
const firstSilence = 3 * time.Second

// silence reports the progress of one try, and that there was none: a registry that hangs says nothing by itself.
type silence struct {
	report func(Progress)

	mu       sync.Mutex // guards what follows
	progress Progress
	since    time.Time
	timer    *time.Timer
	over     bool
}

// newSilence reports the first progress. The caller stops it.
func newSilence(first Progress, report func(Progress)) *silence {
	s := &silence{report: report}
	s.timer = time.AfterFunc(firstSilence, s.tell)
	s.end(first)
	return s
}

// end reports news.
func (s *silence) end(news Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress, s.since = news, time.Now()
	s.timer.Reset(firstSilence)
	s.report(news)
}

func (s *silence) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	quiet := time.Since(s.since).Round(time.Second)
	if s.over || quiet < firstSilence { // there were news at the same moment
		return
	}
	s.progress.Silent, s.progress.Rate = quiet, 0
	s.timer.Reset(quiet)
	s.report(s.progress)
}

// stop has nothing reported any more.
func (s *silence) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}
