package dockercli

import (
	"context"
	"time"
)

// Tasks are the daemon's own containers.
type Tasks interface {
	// StopContainer stops the running container of a task with an attached executor, by name or ID: the stop signal now, SIGKILL
	// after the grace, directly if the Engine does not deliver it. It returns when the container has ended, or with ctx. For any
	// other container it returns ours=false at once.
	StopContainer(ctx context.Context, nameOrID string, grace time.Duration) (ours bool, err error)

	// KeepContainers prevents the removal of all containers with agents' names until a time.
	KeepContainers(until time.Time)
}

// noTasks is a daemon without tasks.
type noTasks struct{}

func (noTasks) StopContainer(context.Context, string, time.Duration) (bool, error) { return false, nil }

func (noTasks) KeepContainers(time.Time) {}
