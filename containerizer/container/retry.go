package container

import (
	"context"
	"time"

	"mesos-docker-containerizer/containerizer/engine"
)

// RetryInterval is the time between two questions to an Engine that owes an answer.
const RetryInterval = 500 * time.Millisecond

// Pause waits. When ctx ends it returns the cause at once.
func Pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// RetryWhileUnavailable asks the Engine again until it answers. See RetryWhile.
func RetryWhileUnavailable(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	return RetryWhile(ctx, engine.IsUnavailable, limit, ask)
}

// RetryWhile repeats a question, which must be safe to repeat, while repeat holds for its error, and within a limit; zero is none.
// When ctx ends it returns the cause, and when the limit is over the last error that the limit itself did not bring about.
func RetryWhile(ctx context.Context, repeat func(error) bool, limit time.Duration, ask func(context.Context) error) error {
	limited := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var last error
	for {
		err := ask(limited)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !repeat(err):
			return err
		}
		if last == nil || limited.Err() == nil {
			last = err
		}
		if Pause(limited, RetryInterval) != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return last
		}
	}
}

// inspectUntilAnswered inspects until the Engine says what the container is like, or that there is none. Any other answer, an
// internal error for instance, says nothing of the container.
func (c *Container) inspectUntilAnswered(ctx context.Context, reference string, limit time.Duration) (*engine.Container, error) {
	var found engine.Container
	unknown := func(err error) bool { return !engine.IsNotFound(err) && !engine.IsInvalid(err) }
	err := RetryWhile(ctx, unknown, limit, func(ctx context.Context) (err error) {
		found, err = c.options.Engine.Inspect(ctx, reference)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &found, nil
}
