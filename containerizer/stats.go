package containerizer

import (
	"time"

	"mesos-docker-containerizer/containerizer/cgroup"
)

// TaskStats is what a task uses. What is used of memory is among the TaskReport.
type TaskStats struct {
	TaskReport

	CPU time.Duration `json:"cpu"` // time of processors since the start of the container
	At  time.Time     `json:"at"`  // of CPU
}

// stats tells what the tasks use that run, by task id. The Engine is not asked.
func (s *Server) stats() []TaskStats {
	pids := map[string]int{}
	s.mu.Lock()
	for name, session := range s.named {
		session.known.mu.Lock()
		pids[name] = session.known.pid
		session.known.mu.Unlock()
	}
	s.mu.Unlock()
	all := []TaskStats{} // an empty list, not null
	for _, r := range s.Tasks() {
		pid := pids[r.Container]
		if pid == 0 || r.State != StateRunning && r.State != StateStopping {
			continue
		}
		used, err := cgroup.CPU(pid, r.ContainerID)
		if err != nil {
			continue // it has ended just now
		}
		all = append(all, TaskStats{r, used, time.Now()})
	}
	return all
}
