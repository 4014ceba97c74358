package containerizer

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/statuspage"
)

// Status is what the status page shows. Neither the Engine nor the disk is asked.
func (s *Server) Status() statuspage.Facts {
	facts := statuspage.Facts{
		Pulls: s.options.Images.Pulls(), Failures: s.options.Records.Failures(),
		Trouble: s.options.Metrics.Trouble(), Behind: int(s.behind.Load()),
	}
	facts.DiskFree, facts.DiskSize = s.disk()
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.named))
	s.mu.Unlock()
	for _, session := range sessions {
		t, ok := session.report()
		if !ok {
			continue
		}
		task := statuspage.Task{
			Task: t.Task, App: t.App, Image: t.Image, State: string(t.State), Doing: t.Doing, Health: string(t.Health),
			Ports: t.Ports, Started: t.Started, Steps: session.at.steps(),
		}
		used, _ := session.usage() // none without a running container
		task.Memory = used.Memory
		task.Memory.Limit = cmp.Or(task.Memory.Limit, t.Memory)
		facts.Tasks = append(facts.Tasks, task)
	}
	slices.SortFunc(facts.Tasks, func(a, b statuspage.Task) int { return strings.Compare(a.Task, b.Task) })
	return facts
}
