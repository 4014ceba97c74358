package pidfd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/survey"
)

// ErrElsewhere says that a process is in no cgroup of the container.
var ErrElsewhere = errors.New("not in a cgroup of container")

// OpenContainer refers to a process of a container, as the host sees it. It verifies by the process's cgroup, in whose name every
// runtime puts the container's id, that the pid still belongs to the container. The error wraps os.ErrNotExist if there is no such
// process, ErrElsewhere if it is not the container's.
func OpenContainer(pid int, container string) (*Process, error) {
	process, err := wire.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	h, err := Open(process)
	if err != nil {
		return nil, err
	}
	inside, err := inContainer(pid, container)
	if err == nil && !inside {
		err = fmt.Errorf("process %d is %w %s", pid, ErrElsewhere, container)
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// OpenNetwork opens the network namespace of a process of a container, as OpenContainer finds it. The caller closes the file.
func OpenNetwork(pid int, container string) (*os.File, error) {
	process, err := OpenContainer(pid, container)
	if err != nil {
		return nil, err
	}
	defer process.Close()
	return process.Network()
}

// Network opens the network namespace of the process. The error wraps os.ErrNotExist if the process has ended. The caller closes the file.
func (p *Process) Network() (*os.File, error) {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", p.named.PID))
	if err == nil && p.Ended() { // the pid may have been another's when the namespace was opened
		namespace.Close()
		err = fmt.Errorf("open the network namespace of process %d: %w", p.named.PID, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return namespace, nil
}

// FindContainer refers to a container's first process, which it looks for by the container's whole id in the cgroups of all
// processes. The error wraps os.ErrNotExist if none is seen. Whose container it is has to be known.
func FindContainer(container string) (*Process, error) {
	var first wire.Process
	for _, pid := range processesOf(container) {
		if p, err := wire.FindProcess(pid); err == nil && (first.PID == 0 || p.StartTime < first.StartTime) {
			first = p
		}
	}
	if first.PID == 0 {
		return nil, fmt.Errorf("find a process of container %s: %w", container, os.ErrNotExist)
	}
	return OpenContainer(first.PID, container)
}

// KillContainer sends SIGKILL to every process in a container's cgroup, by the container's whole id. One that is being started at
// the same time may escape where the cgroup is not of version 2.
func KillContainer(container string) error {
	var failures []error
	for _, pid := range processesOf(container) {
		if group, err := cgroup.Of(pid, container); err == nil && group.Kill() == nil {
			continue
		}
		h, err := OpenContainer(pid, container)
		if err == nil {
			err = h.Signal(unix.SIGKILL)
			h.Close()
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			failures = append(failures, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	return errors.Join(failures...)
}

// members are the pids of all processes in control groups of containers, by the ids of those.
var members survey.Survey[map[string][]int]

// processesOf are the pids in a container's cgroup, by the container's whole id.
func processesOf(container string) (pids []int) {
	return members.Get(func() map[string][]int {
		found := map[string][]int{}
		entries, _ := os.ReadDir("/proc")
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil {
				continue
			}
			groups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid)) // it may have ended
			for _, id := range cgroup.IDs(string(groups)) {
				found[id] = append(found[id], pid)
			}
		}
		return found
	})[container]
}

func inContainer(pid int, container string) (bool, error) {
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if errors.Is(err, unix.ESRCH) { // it ended between open and read
		err = fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	return strings.Contains(string(cgroup), container), err
}
