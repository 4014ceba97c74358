package record

import (
	"maps"
	"path/filepath"
	"slices"
	"time"
)

const (
	// maxFailures bounds Failures.
	maxFailures = 10

	// maxRead bounds the files that are read for failures under an earlier daemon, latest first.
	maxRead = 500
)

// failed reports whether the task ended by what its owner or the host's operator has to mend, and not by an order.
func (r *Record) failed() bool {
	switch {
	case r.End == nil:
		return false
	case r.Stop != nil:
		return r.Stop.Unhealthy || r.End.OOM
	}
	return r.End.Outcome != "exited" || r.End.Code != 0
}

// Failures are the tasks that have failed in the last 24 hours, also under earlier daemons: at most ten, the latest first. They must
// not be changed. The disk is not read.
func (s *Store) Failures() []*Record {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.failures), func(r *Record) bool { return time.Since(r.last().At) > keepFor })
}

// remember takes a record for Failures, if it is one. The lock is held.
func (s *Store) remember(r *Record) {
	name := fileName(r)
	if !r.failed() || slices.ContainsFunc(s.failures, func(other *Record) bool { return fileName(other) == name }) {
		return
	}
	s.failures = append(s.failures, r)
	slices.SortFunc(s.failures, func(a, b *Record) int { return b.last().At.Compare(a.last().At) })
	s.failures = s.failures[:min(len(s.failures), maxFailures)]
}

// readFailures looks for failures in the files that an earlier daemon has left.
func (s *Store) readFailures() {
	names := slices.SortedFunc(maps.Keys(s.index), func(a, b string) int { return s.index[b].changed.Compare(s.index[a].changed) })
	for _, name := range names[:min(len(names), maxRead)] {
		r, err := read(filepath.Join(s.directory, name))
		if err != nil { // damaged, or gone by now
			continue
		}
		s.mu.Lock()
		s.remember(r)
		s.mu.Unlock()
	}
}
