package dockercli

import (
	"context"
	"time"

	"mesos-docker-containerizer/containerizer/container"
)

// Times of the commands, besides those that each call to the Engine has.
const (
	// RecoveryTime is how long after a `ps -a` every container it listed can be inspected: an agent that recovers inspects each
	// one that is named as its own, and ends if one of these fails (contract 1.7).
	RecoveryTime = time.Minute

	// rememberLimit bounds what is done for that after the answer to `ps -a`. It is that of two inspects which the Engine does not
	// answer: of a container that is locked for longer the list's entry is remembered alone.
	rememberLimit = 10 * time.Second

	// answerLimit is how long ps and inspect go on asking an Engine that does not answer. It covers a restart of the Engine, of
	// which an agent would die (it takes one failed inspect for a failed recovery), and is shorter than people wait.
	answerLimit = 20 * time.Second

	// answerInterval is the time between two of these questions.
	answerInterval = 500 * time.Millisecond

	// execIntervalMin is the time between the first two questions whether a process that closed its output has ended. It grows to
	// answerInterval, for a process that did so long before its end.
	execIntervalMin = 20 * time.Millisecond

	// removingInterval is the time between two looks at a container that is being removed already.
	removingInterval = 200 * time.Millisecond
)

// atOnce is how many containers one command deals with at the same time.
const atOnce = 16

// rememberedAtOnce is how many containers are inspected at a time to be remembered: few, because the agent inspects them at once
// itself and is waiting.
const rememberedAtOnce = 2

// retryWhileUnavailable asks again until the Engine answers or answerLimit is over.
func (d *Docker) retryWhileUnavailable(ctx context.Context, ask func(context.Context) error) error {
	return container.RetryWhileUnavailable(ctx, d.patience, ask)
}
