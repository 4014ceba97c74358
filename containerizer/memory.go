package containerizer

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/docker/go-units"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// codeKilled is the exit status of what SIGKILL has ended.
const codeKilled = 137

// sigkill is how events of the Engine name SIGKILL.
const sigkill = "9"

// memory is what was seen of a running container's memory. It is kept, for the control group is gone before the Engine reports the end.
type memory struct {
	looks chan struct{} // buffered: the counters may have changed

	mu     sync.Mutex    // guards what follows
	group  *cgroup.Group // of the running container
	first  *firstProcess // of the running container
	task   *metrics.AppTask
	seen   cgroup.Memory // when it was looked at last
	killed bool          // a client, which may be this daemon, had the Engine send SIGKILL
}

// hear takes an event of the session's container, or the end of a gap between events.
func (s *session) hear(event engine.Event) {
	s.container.Look()
	s.foreign.hear(event)
	if event.Action == "kill" && event.Signal == sigkill {
		s.memory.mu.Lock()
		s.memory.killed = true
		s.memory.mu.Unlock()
	}
	select {
	case s.memory.looks <- struct{}{}:
	default:
	}
}

// watchMemory looks at the container's memory at each event, of which the kernel's killing of a process is one, and at the end of its
// first process. Until the Engine has seen that too the control group is still there.
func (s *session) watchMemory(ctx context.Context, c *engine.Container) {
	if !c.State.Running {
		return
	}
	group, err := cgroup.Of(c.State.Pid, c.ID)
	if err != nil {
		s.logger.Debug("the container's memory cannot be watched", zap.Error(err))
		return
	}
	process, err := pidfd.OpenContainer(c.State.Pid, c.ID)
	if err != nil {
		s.logger.Debug("the end of the container's process cannot be watched", zap.Error(err))
	}
	defer process.Close()
	s.memory.setGroup(group, firstProcessOf(process, c))
	defer s.memory.setGroup(nil, nil)
	gone, stop := process.Gone(ctx)
	defer stop()
	for over := false; !over; {
		s.lookAtMemory(group)
		select {
		case <-s.memory.looks:
		case <-gone:
			over = true
		case <-ctx.Done():
			over = true
		}
	}
	s.lookAtMemory(group)
	s.countUsage()
}

// lookAtMemory reads the counters. Where they cannot be read any more, what was seen last stands.
func (s *session) lookAtMemory(group *cgroup.Group) {
	seen, err := group.Memory()
	if err != nil {
		s.logger.Debug("the container's memory cannot be looked at", zap.Error(err))
		return
	}
	s.memory.mu.Lock()
	before := s.memory.seen.Kills
	s.memory.seen = seen
	s.memory.mu.Unlock()
	if seen.Kills > before {
		s.logger.Warn("the kernel has killed a process of the container for lack of memory", memoryFields(seen)...)
	}
}

func (m *memory) setGroup(group *cgroup.Group, first *firstProcess) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.group, m.first = group, first
}

// usage asks the kernel for the counters of the running container. It is not ok without one.
func (s *session) usage() (used cgroup.Usage, ok bool) {
	s.memory.mu.Lock()
	group := s.memory.group
	s.memory.mu.Unlock()
	if group == nil {
		return cgroup.Usage{}, false
	}
	used, err := group.Usage()
	return used, err == nil // or it has ended
}

func memoryFields(m cgroup.Memory) []zap.Field {
	return []zap.Field{zap.Int64("memory_limit", m.Limit), zap.Int64("memory_peak", m.Peak), zap.Int64("memory_kills", m.Kills)}
}

// get returns what was seen last, and whether SIGKILL was sent through the Engine.
func (m *memory) get() (cgroup.Memory, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen, m.killed
}

// judgeMemory says how the container ended, and what its memory had to do with it.
func (s *session) judgeMemory(c *engine.Container, end container.End) wire.Exited {
	seen, killed := s.memory.get()
	if seen.Limit == 0 && c.HostConfig != nil {
		seen.Limit = c.HostConfig.Memory // it had ended before it could be looked at
	}
	s.at.note(func(r *record.Record) { r.Memory = &record.Memory{Limit: seen.Limit, Peak: seen.Peak} })
	exit := wire.Exited{Outcome: wire.OutcomeExited, Code: end.Code, OOM: end.OOM, Message: end.Message}
	return judgeMemory(exit, seen, killed || s.container.StopOrdered())
}

// judgeMemory finds out whether an end is one by memory. OOM of the exit as it is given, and likewise the kernel's count, says that some
// process of the container was killed for memory at some time. A container ends for it if its status is that of SIGKILL and nobody has
// sent that; a shell ends with the same status if its last command did. A SIGKILL by a process of the host cannot be told from the kernel's.
func judgeMemory(exit wire.Exited, seen cgroup.Memory, killed bool) wire.Exited {
	if !exit.OOM && seen.Kills == 0 {
		return exit
	}
	exit.OOM = exit.Code == codeKilled && !killed
	text := figures(seen)
	if !exit.OOM {
		text = fmt.Sprintf("a process in it was killed for lack of memory at some time (%s)", text)
	}
	exit.Message = joined(text, exit.Message)
	return exit
}

// figures words the counters of a container's memory, without those that are not known.
func figures(m cgroup.Memory) string {
	parts := []string{"no limit"}
	if m.Limit > 0 {
		parts[0] = "limit " + units.BytesSize(float64(m.Limit))
	}
	if m.Peak > 0 {
		parts = append(parts, "peak "+units.BytesSize(float64(m.Peak)))
	}
	switch {
	case m.Kills == 1:
		parts = append(parts, "1 process killed")
	case m.Kills > 1:
		parts = append(parts, fmt.Sprintf("%d processes killed", m.Kills))
	}
	return strings.Join(parts, ", ")
}
