package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// due is how long after its time a container may still be there: the daemon may have been restarted meanwhile.
const due = 10 * time.Minute

// mostInspected bounds how many stopped containers are looked at.
const mostInspected = 50

// leftovers are containers whose executor's process is gone and that nobody seems to look after: running ones, which the daemon
// stops at once, and stopped ones that should have been removed long ago. That is so for containers of a daemon that had another
// run directory and is not there any more. Besides, there are those whose executor a signal has stopped.
func (d *doctor) leftovers(ctx context.Context) finding {
	within, cancel := context.WithTimeout(ctx, d.Limit*3/4)
	defer cancel()
	if _, err := d.docker(); err != nil {
		return skipped(noEngine)
	}
	list, err := d.Containers.List(within, engine.LabelPrefix+"instance")
	if err != nil {
		return warning(fmt.Sprintf("containers cannot be listed: %v", err), "see whether dockerd hangs (journalctl -u docker)")
	}
	var running, stopped, halted, pids []string
	inspected := 0
	for _, c := range list {
		labels, _ := engine.ParseLabels(c.Labels)
		if len(c.Names) == 0 || !labels.Ours(labels.Instance, c.Names[0]) {
			continue // an image committed from one of ours has its labels too
		}
		if lives(labels) {
			if executor(labels).Stopped() {
				halted, pids = append(halted, labels.Name), append(pids, strconv.Itoa(labels.ExecutorPID))
			}
			continue
		}
		switch c.State {
		case container.StateRunning, container.StatePaused, container.StateRestarting:
			running = append(running, labels.Name)
		case container.StateExited, container.StateDead:
			if inspected++; inspected <= mostInspected && d.overdue(within, c.ID, labels) {
				stopped = append(stopped, labels.Name)
			}
		}
	}
	var all findings
	if len(running) > 0 {
		all = append(all, warning(fmt.Sprintf("containers run without their executors: %s", words.Some(running, 5)),
			"start the daemon with the run_dir they were made under, which stops them; or docker rm -f -v them"))
	}
	if len(stopped) > 0 {
		all = append(all, warning(fmt.Sprintf("stopped containers are overdue for removal: %s", words.Some(stopped, 5)),
			"start the daemon with the run_dir they were made under, which removes them; or docker rm -v them"))
	}
	if len(halted) > 0 {
		all = append(all, warning(fmt.Sprintf("executors are stopped (SIGSTOP), so that Mesos hears of no end and no kill arrives: %s", words.Some(halted, 5)),
			"kill -CONT "+strings.Join(pids, " ")))
	}
	return all.joined(words.Count(len(list), "container") + ", none left over")
}

// lives says that the container's executor runs, or that nobody can tell.
func lives(labels engine.Labels) bool {
	if labels.ExecutorPID == 0 {
		return true
	}
	p, err := wire.FindProcess(labels.ExecutorPID)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return p == executor(labels)
}

func executor(labels engine.Labels) wire.Process {
	return wire.Process{PID: labels.ExecutorPID, StartTime: labels.ExecutorStartTime, BootID: labels.BootID}
}

// overdue says that a container ended longer ago than it is kept.
func (d *doctor) overdue(ctx context.Context, id string, labels engine.Labels) bool {
	c, err := d.Containers.Inspect(ctx, id)
	if err != nil {
		return false
	}
	ended, err := time.Parse(time.RFC3339Nano, c.State.FinishedAt)
	if err != nil {
		return false
	}
	kept := due
	if labels.Route == string(wire.RouteDropIn) {
		kept += d.Config.DockerRemoveDelay
	}
	return time.Since(ended) > kept
}
