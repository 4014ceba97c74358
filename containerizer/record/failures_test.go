package record

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestFailed(t *testing.T) {
	exited := func(code int, oom bool) *End { return &End{Outcome: "exited", Code: code, OOM: oom} }
	for _, tt := range []struct {
		record Record
		want   bool
	}{
		{Record{}, false},
		{Record{End: exited(0, false)}, false},
		{Record{End: exited(1, false)}, true},
		{Record{End: &End{Outcome: "failed"}}, true},
		{Record{End: &End{Outcome: "unknown"}}, true},
		{Record{End: &End{Outcome: "failed"}, Stop: &Stop{}}, false},
		{Record{End: exited(137, false), Stop: &Stop{}}, false},
		{Record{End: exited(137, true), Stop: &Stop{}}, true},
		{Record{End: exited(137, false), Stop: &Stop{Unhealthy: true}}, true},
		{Record{Stop: &Stop{Unhealthy: true}}, false},
	} {
		if got := tt.record.failed(); got != tt.want {
			t.Errorf("%+v, %+v: %v", tt.record.Stop, tt.record.End, got)
		}
	}
}

// The latest ten failures are at hand, in their order, and so they are with the next daemon. Each is there once, and none for longer
// than its file.
func TestFailuresOutliveTheDaemon(t *testing.T) {
	state, now := t.TempDir(), time.Now()
	failed := func(i int) *Record {
		r := ended(fmt.Sprintf("task-%02d", i), now.Add(time.Duration(i)*time.Second-time.Minute))
		r.End.Code = 1
		return r
	}
	var want []string
	tasksOf := func(s *Store) (tasks []string) {
		for _, r := range s.Failures() {
			tasks = append(tasks, r.Task)
		}
		return tasks
	}
	s := NewStore(state, zap.NewNop())
	end := running(t, s)
	for _, i := range []int{3, 1, 2, 0, 4, 5, 6, 7, 8, 9, 11, 10, 11} {
		s.Put(failed(i))
		s.Put(ended(fmt.Sprintf("fine-%d", i), now))
	}
	old := failed(20)
	old.Steps[0].At = now.Add(-keepFor - time.Minute)
	s.Put(old)
	for i := 11; i > 1; i-- {
		want = append(want, fmt.Sprintf("task-%02d", i))
	}
	if got := tasksOf(s); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	end()
	next := NewStore(state, zap.NewNop())
	running(t, next)() // reads before it writes
	if got := tasksOf(next); !slices.Equal(got, want) {
		t.Errorf("the next daemon has %q", got)
	}
	if (*Store)(nil).Failures() != nil {
		t.Error("a store that keeps nothing has failures")
	}
}
