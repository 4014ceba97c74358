package dockercli

import (
	"context"
	"time"
)

// Tasks are what the daemon knows of its own containers.
type Tasks interface {
	// StopContainer ends the running container of a task whose executor is attached, by name or id: its stop signal now,
	// SIGKILL after the grace, past the Engine if that does not do it. It returns when the container has ended, or with ctx.
	// Any other container is not touched, and ours is false at once.
	StopContainer(ctx context.Context, nameOrID string, grace time.Duration) (ours bool, err error)

	// KeepContainers has none of the containers that agents take for theirs removed by the daemon until a time.
	KeepContainers(until time.Time)
}

// noTasks is the daemon without any.
type noTasks struct{}

func (noTasks) StopContainer(context.Context, string, time.Duration) (bool, error) { return false, nil }

func (noTasks) KeepContainers(time.Time) {}
