package dockercli

import (
	"context"
	"time"

	"mesos-docker-containerizer/containerizer/container"
)

// Limits and intervals of the commands. Each call to the Engine has its own limit besides.
const (
	// RecoveryTime is how long after a `ps -a` all listed containers can be inspected. A recovering agent inspects those with its
	// names and ends if one inspect fails (contract 1.7).
	RecoveryTime = time.Minute

	// rememberLimit bounds the inspects after the answer to `ps -a`. It is the limit of two inspects without an answer. A
	// container that is locked for longer keeps its list entry.
	rememberLimit = 10 * time.Second

	// answerLimit is how long ps and inspect retry while the Engine does not answer. It covers a restart of the Engine, because
	// an agent ends after one failed inspect of its recovery, and it is shorter than people wait.
	answerLimit = 20 * time.Second

	// answerInterval is the time between two tries.
	answerInterval = 500 * time.Millisecond

	// execIntervalMin is the first interval between inspects of a process that has closed its output. It grows to answerInterval.
	execIntervalMin = 20 * time.Millisecond

	// removingInterval is the time between two inspects of a container that is being removed.
	removingInterval = 200 * time.Millisecond
)

// atOnce is how many containers one command handles concurrently.
const atOnce = 16

// rememberedAtOnce is how many containers are inspected concurrently for the cache: few, because the agent inspects them at the
// same time and is waiting.
const rememberedAtOnce = 2

// retryWhileUnavailable retries until the Engine answers or answerLimit is over.
func (d *Docker) retryWhileUnavailable(ctx context.Context, ask func(context.Context) error) error {
	return container.RetryWhileUnavailable(ctx, d.patience, ask)
}
