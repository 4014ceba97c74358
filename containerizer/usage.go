package containerizer

import (
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/pidfd"
)

// firstProcess is the first process of a container that has a network of its own.
type firstProcess struct {
	*pidfd.Process
	pid int
}

// firstProcessOf is nil for a container in the network of the host or of another container, and where the process cannot be seen.
func firstProcessOf(p *pidfd.Process, c *engine.Container) *firstProcess {
	if p == nil || c.HostConfig == nil || c.HostConfig.NetworkMode.IsHost() || c.HostConfig.NetworkMode.IsContainer() {
		return nil
	}
	return &firstProcess{p, c.State.Pid}
}

// network returns the bytes that the container has received and sent, zero once the process has ended: the pid may be another's then.
func (p *firstProcess) network() (received, sent int64) {
	if p == nil {
		return 0, 0
	}
	received, sent, err := cgroup.Network(p.pid)
	if err != nil || p.Ended() {
		return 0, 0
	}
	return received, sent
}

// startUsage begins the figures of a task whose container was started. The returned function ends them.
func (s *session) startUsage() func() {
	now, _ := s.report()
	state := s.attach.State
	task := s.server.options.Metrics.TaskStarted(now.App, state != nil && state.Running)
	task.Health(now.Health)
	s.memory.mu.Lock()
	s.memory.task = task
	s.memory.mu.Unlock()
	return task.Ended
}

// running is the task in the metrics; nil before its start.
func (s *session) running() *metrics.AppTask {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return s.memory.task
}

// countUsage brings the figures of the task up to date, if they are shown by app. It reads files of the kernel's alone.
func (s *session) countUsage() {
	if !s.server.options.Metrics.AppsShown() {
		return
	}
	u, ok := s.usage()
	if !ok {
		return
	}
	s.memory.mu.Lock()
	first, task := s.memory.first, s.memory.task
	s.memory.mu.Unlock()
	now := metrics.Usage{
		MemoryLimit: u.Memory.Limit, Memory: u.Memory.Usage, MemoryPeak: u.Memory.Peak, KilledForMemory: u.Memory.Kills,
		PIDs: u.PIDs, CPU: u.CPU, Read: u.Read, Written: u.Written,
	}
	now.Received, now.Sent = first.network()
	task.Used(now)
}

// disk returns the free bytes and the size of the file system with the Engine's data, zero as long as the Engine has not said where
// that is.
func (s *Server) disk() (free, size uint64) {
	directory := s.root.Load()
	if directory == nil {
		return 0, 0
	}
	var stat unix.Statfs_t
	if unix.Statfs(*directory, &stat) != nil {
		return 0, 0
	}
	return stat.Bavail * uint64(stat.Frsize), stat.Blocks * uint64(stat.Frsize)
}
