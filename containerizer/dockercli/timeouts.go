package dockercli

import (
	"context"
	"time"

	"mesos-docker-containerizer/containerizer/engine"
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

	// outputOverlap is how far output that goes on from the log reaches back behind the last byte that the client has: the
	// Engine may have had some for the log that the client did not get. It is that of tasks.
	outputOverlap = 2 * time.Second

	// outputGrace is how long after the end of its output a container may still be seen to run: the Engine tells of the two one
	// after the other.
	outputGrace = 2 * time.Second

	// endSlack is how much earlier than the container's end, as the Engine tells it, its output may end and yet be complete.
	endSlack = 500 * time.Millisecond

	// removingInterval is the time between two looks at a container that somebody else is removing.
	removingInterval = 200 * time.Millisecond
)

// atOnce is how many containers one command deals with at the same time.
const atOnce = 16

// rememberedAtOnce is how many containers are inspected at a time to be remembered: few, because the agent inspects them at once
// itself and is waiting.
const rememberedAtOnce = 2

// pause waits, unless ctx ends.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

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
