package record

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Limits of the files.
const (
	keepFor  = 24 * time.Hour // after the last change
	maxFiles = 10_000
	maxBytes = 64 << 20

	// settleTime is how long a new daemon keeps older files: they may be of tasks that run on, whose executors have yet to attach.
	settleTime = 10 * time.Minute

	// tidyInterval is the time between two looks for files that are due.
	tidyInterval = 10 * time.Minute
)

// Directory is where the records lie below the state directory of the daemon.
func Directory(state string) string { return filepath.Join(state, "tasks") }

// Store keeps records in files. A nil Store keeps nothing. Its methods may be called by any goroutine, and none waits for the disk but
// Run and Load.
type Store struct {
	directory string
	logger    *zap.Logger
	files     int   // the constants, but in tests
	bytes     int64 // the same

	mu      sync.Mutex
	pending map[string][]byte // file names and what is to be written; guarded by mu
	live    map[string]bool   // those of tasks that have a session; guarded by mu
	signal  chan struct{}     // buffered: there is something pending

	failures []*Record // guarded by mu, see Failures

	// Of Run alone.
	index   map[string]file
	total   int64
	trouble bool // the last write has failed
}

// file is one record on disk.
type file struct {
	size    int64
	changed time.Time
	due     time.Time
}

// NewStore returns a store below the state directory, which Run makes if need be.
func NewStore(state string, logger *zap.Logger) *Store {
	return &Store{
		directory: Directory(state), logger: logger, files: maxFiles, bytes: maxBytes,
		pending: map[string][]byte{}, live: map[string]bool{}, signal: make(chan struct{}, 1), index: map[string]file{},
	}
}

// readableName bounds how much of a task's id is in the name of its file; with the rest that stays below 255 bytes.
const readableName = 180

// fileName begins with the task's id, by which a person looks for it, and ends with what makes it unique.
func fileName(r *Record) string {
	sum := sha256.Sum256([]byte(r.Framework + "\x00" + r.Executor + "\x00" + r.Task + "\x00" + r.Container))
	return readable(r.Task) + "@" + hex.EncodeToString(sum[:8]) + ".json"
}

// readable is the part of a file's name that a task's id makes.
func readable(task string) string { return "t-" + Plain(task, readableName) }

// Plain is the beginning of an id for names of files and containers: at most limit characters, with _ in place of all but plain ones.
func Plain(id string, limit int) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r) {
			return r
		}
		return '_'
	}, id)
	return plain[:min(len(plain), limit)]
}

// Put has the record written soon. Of several in a row only the latest is written.
func (s *Store) Put(r *Record) {
	if s == nil {
		return
	}
	kept := r.bounded()
	text, err := json.Marshal(kept)
	if err != nil {
		s.logger.Error("a record cannot be encoded", zap.String("task", r.Task), zap.Error(err))
		return
	}
	name := fileName(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[name] = append(text, '\n')
	s.live[name] = true
	if r.State() == Ended {
		delete(s.live, name)
	}
	if r.End != nil {
		s.remember(&kept) // nothing changes it any more
	}
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// Load fills in what an earlier daemon has recorded of the task that r names, and reports whether there was anything.
func (s *Store) Load(r *Record) bool {
	if s == nil {
		return false
	}
	earlier, err := read(filepath.Join(s.directory, fileName(r)))
	if err != nil || earlier.Task != r.Task {
		return false
	}
	*r = *earlier
	return true
}

// Run writes records until ctx ends, and what is pending then. It is called once.
func (s *Store) Run(ctx context.Context) {
	if s == nil {
		return
	}
	s.scan(time.Now())
	s.readFailures()
	ticker := time.NewTicker(tidyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.signal:
		case <-ticker.C:
		case <-ctx.Done():
			s.flush()
			return
		}
		s.flush()
	}
}

// scan reads which files there are.
func (s *Store) scan(now time.Time) {
	entries, err := os.ReadDir(s.directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.report(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		due := info.ModTime().Add(keepFor)
		if earliest := now.Add(settleTime); due.Before(earliest) {
			due = earliest
		}
		s.index[e.Name()] = file{info.Size(), info.ModTime(), due}
		s.total += info.Size()
	}
}

// flush writes what is pending and removes what is due.
func (s *Store) flush() {
	s.mu.Lock()
	pending := s.pending
	s.pending = map[string][]byte{}
	s.mu.Unlock()
	for name, text := range pending {
		err := write(s.directory, name, text)
		s.report(err)
		if err == nil {
			s.total += int64(len(text)) - s.index[name].size
			now := time.Now()
			s.index[name] = file{int64(len(text)), now, now.Add(keepFor)}
		}
	}
	s.tidy(time.Now())
}

// tidy removes files that are due and, while there are too many, those that are due first. Those of tasks that have not ended go last.
func (s *Store) tidy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := len(s.index) > s.files || s.total > s.bytes
	var order []string
	for name, f := range s.index {
		if over || now.After(f.due) && !s.live[name] {
			order = append(order, name)
		}
	}
	slices.SortFunc(order, func(a, b string) int {
		if s.live[a] != s.live[b] {
			if s.live[b] {
				return -1
			}
			return 1
		}
		return cmp.Or(s.index[a].due.Compare(s.index[b].due), strings.Compare(a, b))
	})
	for _, name := range order {
		over = len(s.index) > s.files || s.total > s.bytes
		if !over && (s.live[name] || !now.After(s.index[name].due)) {
			continue
		}
		if err := os.Remove(filepath.Join(s.directory, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.logger.Debug("a record cannot be removed", zap.Error(err))
		}
		s.total -= s.index[name].size
		delete(s.index, name)
	}
}

// report logs that records cannot be written, and that they can again, once each.
func (s *Store) report(err error) {
	switch {
	case err != nil && !s.trouble:
		s.logger.Warn("what becomes of tasks cannot be recorded; only the subcommand why suffers", zap.Error(err))
	case err == nil && s.trouble:
		s.logger.Info("what becomes of tasks is recorded again")
	}
	s.trouble = err != nil
}

// write replaces a file by one that is root's alone. It does not wait for the disk: a record that a crash of the host has damaged is
// passed over by readers.
func write(directory, name string, text []byte) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	temporary := filepath.Join(directory, ".new")
	err := os.WriteFile(temporary, text, 0o600)
	if err == nil {
		err = os.Rename(temporary, filepath.Join(directory, name))
	}
	if err != nil {
		_ = os.Remove(temporary) // of no use, and it may fill the disk
	}
	return err
}
