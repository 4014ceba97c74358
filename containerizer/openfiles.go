package containerizer

import (
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/executor/wire"
)

const (
	// filesOfDaemon is how many files a server has open without any task: sockets, the Engine's events, records, and calls of admins.
	filesOfDaemon = 32

	// filesPerTask is what a task needs: its executor's connection and pidfd, two pidfds of the container, process, network and connection
	// of a health check and of a check, a CNI network, and a call of the Engine.
	filesPerTask = 12
)

// openFiles is how many files this process may open.
type openFiles uint64

// limitOfOpenFiles asks the kernel. Go has raised the soft limit to the hard one when the process started.
func limitOfOpenFiles() (openFiles, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return openFiles(limit.Cur), nil
}

// tasks is for how many tasks the files suffice.
func (f openFiles) tasks() int {
	if f < filesOfDaemon+filesPerTask {
		return 0
	}
	return int(min((f-filesOfDaemon)/filesPerTask, 1<<30))
}

func (f openFiles) log(l *zap.Logger) {
	l.Info("limit of open files", zap.Uint64("limit", uint64(f)), zap.Int("for_each_task", filesPerTask), zap.Int("enough_for_tasks", f.tasks()))
}

// admit refuses the executor of a new task that the files do not suffice for. One whose container may run is taken in any case.
func (f openFiles) admit(a *wire.Attach, sessions int) error {
	if sessions < f.tasks() || a.State != nil && a.State.ContainerID != "" {
		return nil
	}
	return fmt.Errorf("%w: the daemon may open %d files, enough for %d tasks at a time, and has %d: "+
		"raise LimitNOFILE of mesos-docker-containerizer.service by %d for each further task", errUnacceptable, f, f.tasks(), sessions, filesPerTask)
}
