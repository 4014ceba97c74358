package containerizer

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// TaskStats is what a task uses. What is used of memory is among the TaskReport.
type TaskStats struct {
	TaskReport

	CPU time.Duration `json:"cpu"` // time of processors since the start of the container
	At  time.Time     `json:"at"`  // of CPU
}

// stats tells what the tasks use that run, by task id. The Engine is not asked.
func (s *Server) stats() []TaskStats {
	return slices.DeleteFunc(s.used(), func(t TaskStats) bool {
		return t.At.IsZero() || t.State != StateRunning && t.State != StateStopping
	})
}

// used reports all tasks with what they use. At is zero without a running container.
func (s *Server) used() []TaskStats {
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	all := []TaskStats{} // an empty list, not null
	for _, session := range sessions {
		r, ok := session.report()
		if !ok {
			continue
		}
		task := TaskStats{TaskReport: r}
		if used, running := session.usage(); running {
			task.Used, task.CPU, task.At = used.Memory, used.CPU, time.Now()
		}
		all = append(all, task)
	}
	slices.SortFunc(all, func(a, b TaskStats) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Container, b.Container))
	})
	return all
}
