package dockercli

import (
	"context"
	"time"

	"mesos-docker-containerizer/containerizer/engine"
)

// Times of the commands, besides those that each call to the Engine has.
const (
	// RecoveryTime is how long after a `ps -a` every container it listed can be inspected: an agent that recovers inspects each
	// one that is named as its own, and ends if one of these fails (contract section 1.7).
	RecoveryTime = time.Minute

	// rememberLimit bounds what `ps -a` does for that. It is that of two inspects which the Engine does not answer: a container
	// that is locked for longer is listed all the same.
	rememberLimit = 10 * time.Second

	// answerLimit is how long ps and inspect go on asking an Engine that does not answer. It covers a restart of the Engine, of
	// which an agent would die (it takes one failed inspect for a failed recovery), and is shorter than people wait.
	answerLimit = 20 * time.Second

	// answerInterval is the time between two of these questions.
	answerInterval = 500 * time.Millisecond

	// stopMargin comes on top of a stop's grace, for an exit to be seen. It is the engine's.
	stopMargin = 20 * time.Second

	// removingInterval is the time between two looks at a container that somebody else is removing.
	removingInterval = 200 * time.Millisecond

	// removingLimit is how long that may take: deletion goes file by file. It is the engine's limit of a removal.
	removingLimit = 2 * time.Minute
)

// atOnce is how many containers one command deals with at the same time.
const atOnce = 16

// patiently asks again until the Engine answers or answerLimit is over, and returns what the last question that was not cut short
// came to.
func (d *Docker) patiently(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	var before error
	for {
		err := ask(ctx)
		if !engine.IsUnavailable(err) {
			return err
		}
		if before == nil || ctx.Err() == nil {
			before = err
		}
		select {
		case <-time.After(answerInterval):
		case <-ctx.Done():
			return before
		}
	}
}
