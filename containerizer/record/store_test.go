package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/lookup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running runs a store until the returned function is called, which has it write what is pending.
func running(t *testing.T, s *Store) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	return func() { cancel(); <-done }
}

func ended(task string, at time.Time) *Record {
	return &Record{Task: task, Container: "c-" + task, App: "/of/" + task, ContainerID: "0123456789abcdef" + task, Steps: []Step{{State: Ended, At: at}}, End: &End{Outcome: "exited"}}
}

func TestRecordsOutliveTheDaemon(t *testing.T) {
	state := t.TempDir()
	s := NewStore(state, zap.NewNop())
	end := running(t, s)
	for _, task := range []string{"web.1", "web.2", "web.22", "../../etc/passwd", strings.Repeat("ü", 400)} {
		s.Put(ended(task, began))
	}
	end()
	for reference, want := range map[string]string{
		"web.1": "web.1", "web.22": "web.22", "../../etc/passwd": "../../etc/passwd", "../..": "../../etc/passwd",
		"web.2": "web.2", "of/web.2": "web.2", "/of/web.1": "web.1", "c-web.1": "web.1", "0123456789abcdefweb.1": "web.1", "üüü": strings.Repeat("ü", 254) + "…",
	} {
		if r, err := Find(state, reference); err != nil || r.Task != want {
			t.Errorf("%s: %v, %v", reference, r, err)
		}
	}
	for reference, want := range map[string]error{"web.": lookup.ErrSeveral, "other": lookup.ErrNone, "": lookup.ErrNone, "0123456789": lookup.ErrSeveral} {
		if r, err := Find(state, reference); !errors.Is(err, want) {
			t.Errorf("%q: %v, %v", reference, r, err)
		}
	}
	kept := t.TempDir()
	for task, want := range map[string]string{"kept": "printed last: " + kept + "/stderr", "removed": "gone with its sandbox"} {
		r := ended(task, began)
		r.End.Code, r.Sandbox = 1, map[string]string{"kept": kept, "removed": kept + "/removed"}[task]
		s.Put(r)
		s.flush()
		if r, err := Find(state, task); err != nil || !strings.Contains(r.Advice(), want) {
			t.Errorf("%s: %q, %v", task, r.Advice(), err)
		}
	}
	again := &Record{Task: "web.1", Container: "c-web.1"}
	if !NewStore(state, zap.NewNop()).Load(again) || again.End == nil {
		t.Errorf("loaded %+v", again)
	}
	entries, _ := os.ReadDir(Directory(state))
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(Directory(state)); err != nil || info.Mode().Perm() != 0o700 || len(entries) != 7 {
		t.Errorf("%v, %v, %d files", info, err, len(entries))
	}
}

// names are the tasks that have a record.
func names(t *testing.T, state string) (tasks []string) {
	t.Helper()
	entries, err := os.ReadDir(Directory(state))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		r, err := read(filepath.Join(Directory(state), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		tasks = append(tasks, r.Task)
	}
	slices.Sort(tasks)
	return tasks
}

func TestLimits(t *testing.T) {
	for name, limit := range map[string]func(*Store){
		"files": func(s *Store) { s.files = 3 },
		"bytes": func(s *Store) { s.bytes = 1000 },
	} {
		state := t.TempDir()
		s := NewStore(state, zap.NewNop())
		limit(s)
		s.Put(&Record{Task: "alive", Steps: []Step{{State: Running}}})
		for i := range 9 {
			s.Put(ended(fmt.Sprint("t", i), began))
			s.flush()
		}
		left := names(t, state)
		if len(left) > 4 || !slices.Contains(left, "alive") || !slices.Contains(left, "t8") || s.total > 1000 && name == "bytes" {
			t.Errorf("%s: %q are left, %d bytes", name, left, s.total)
		}
	}
}

func TestOldRecordsGo(t *testing.T) {
	state := t.TempDir()
	s := NewStore(state, zap.NewNop())
	s.Put(ended("old", began))
	s.Put(&Record{Task: "alive", Steps: []Step{{State: Running}}})
	s.flush()
	now := time.Now()
	s.tidy(now.Add(keepFor - time.Minute))
	if left := names(t, state); len(left) != 2 {
		t.Errorf("too early: %q", left)
	}
	s.tidy(now.Add(keepFor + time.Minute))
	if left := names(t, state); len(left) != 1 || left[0] != "alive" {
		t.Errorf("%q are left", left)
	}

	// A new daemon knows of no task at first.
	path := filepath.Join(Directory(state), fileName(&Record{Task: "alive"}))
	if err := os.Chtimes(path, time.Time{}, now.Add(-30*keepFor)); err != nil {
		t.Fatal(err)
	}
	next := NewStore(state, zap.NewNop())
	next.scan(now)
	next.tidy(now.Add(settleTime - time.Minute))
	if left := names(t, state); len(left) != 1 {
		t.Error("a task that runs on has lost its record at the restart")
	}
	next.tidy(now.Add(settleTime + time.Minute))
	if left := names(t, state); len(left) != 0 {
		t.Errorf("%q are left", left)
	}
}

// Without its directory nothing is recorded, which is said once, and when it is there again all goes on.
func TestDiskTrouble(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	core, logged := observer.New(zap.InfoLevel)
	s := NewStore(state, zap.New(core))
	for i := range 3 {
		s.Put(ended(fmt.Sprint(i), began))
		s.flush()
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	s.Put(ended("9", began))
	s.flush()
	if left := names(t, state); len(left) != 1 {
		t.Errorf("%q", left)
	}
	if logged.Len() != 2 {
		t.Errorf("logged %v", logged.All())
	}
}

func TestDamagedFilesArePassedOver(t *testing.T) {
	state := t.TempDir()
	if _, err := Find(state, "web"); !errors.Is(err, lookup.ErrNone) {
		t.Error(err)
	}
	s := NewStore(state, zap.NewNop())
	s.Put(ended("web.1", began))
	s.flush()
	if err := os.WriteFile(filepath.Join(Directory(state), "t-web.2@00.json"), []byte(`{"task": "web.2"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Find(state, "web"); err != nil || r.Task != "web.1" {
		t.Error(r, err)
	}
}

func TestWithoutAStore(t *testing.T) {
	var s *Store
	s.Put(ended("x", began))
	if s.Load(&Record{}) {
		t.Error("it has loaded something")
	}
	s.Run(t.Context())
}

// TestFindAmongMany asks for one task of as many as there can be. Its processor time is a small part of the second in which `why` is to
// answer on a busy host.
func TestFindAmongMany(t *testing.T) {
	state := t.TempDir()
	s := NewStore(state, zap.NewNop())
	s.Put(ended("other", began))
	wanted := ended("web.1", began)
	wanted.ContainerID, wanted.Container = "fedcba9876543210", "mesos-1b2c"
	s.Put(wanted)
	s.flush()
	path := func(name string) string { return filepath.Join(Directory(state), name) }
	for i := range maxFiles - 2 {
		if err := os.Link(path(fileName(ended("other", began))), path(fmt.Sprintf("t-other.%d@00.json", i))); err != nil {
			t.Fatal(err)
		}
	}
	for word, want := range map[string]error{"web": nil, "fedcba": nil, "mesos-1": nil, "/of/web": nil, "of/w": nil, "dcba": lookup.ErrNone, "nothing": lookup.ErrNone} {
		before := processorTime(t)
		r, err := Find(state, word)
		took := processorTime(t) - before
		if !errors.Is(err, want) || err == nil && r.Task != "web.1" || took > time.Second {
			t.Errorf("%s: %v, %v, %v of processor time", word, r, err, took)
		}
		t.Logf("%s: %v of processor time", word, took)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The record of a task that has ended goes in its time, also where nobody knows how it ended.
func TestRecordOfAnUnknownEndGoes(t *testing.T) {
	s := NewStore(t.TempDir(), zap.NewNop())
	for name, end := range map[string]*End{"known": {Outcome: "exited"}, "unknown": nil} {
		s.Put(&Record{Task: name, Steps: []Step{{State: Running, At: began}}})
		s.Put(&Record{Task: name, Steps: []Step{{State: Ended, At: began}}, End: end})
	}
	s.flush()
	s.tidy(time.Now().Add(keepFor + time.Minute))
	if len(s.index) > 0 {
		t.Errorf("%d records stay", len(s.index))
	}
}
