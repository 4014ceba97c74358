package container

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

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

// How long a call is repeated that the Engine refuses with an internal error, and how long the waits between are.
const (
	refusalPatience = 10 * time.Second
	refusalWaitMin  = 200 * time.Millisecond
	refusalWaitMax  = 2 * time.Second
)

// refusals decides whether a call is repeated that the Engine has refused with an internal error. That may be for good, as for a
// host port that is taken, or pass, as while containerd is restarted, and only words tell which. So the call is repeated for
// refusalPatience. While the Engine, or containerd behind it, is seen to be away, the time does not count.
type refusals struct {
	*Container
	cause error     // the first refusal; nil before
	first time.Time // when that came
	since time.Time // from when the time counts
	wait  time.Duration
}

// pause waits before a call that has failed is repeated, as often as the Engine did not answer. It returns why the call is not repeated:
// the call's error, ErrStopped, or the cause of ctx. An error of a repeated call may be about what the first has left, as "id already in
// use" is on Engine 20.10 after a start that the runtime has refused, so the first is told, too.
func (r *refusals) pause(ctx context.Context, err error) error {
	if !engine.IsInternal(err) {
		return r.pauseUnlessStopped(ctx, RetryInterval)
	}
	now := time.Now()
	if r.cause == nil {
		r.cause, r.first, r.since = err, now, now
	}
	if away, askErr := r.options.Engine.ContainerdAway(ctx); away || engine.IsUnavailable(askErr) {
		r.since = now
	}
	r.wait = min(max(2*r.wait, refusalWaitMin), refusalWaitMax)
	next := now.Add(r.wait)
	if limit := r.options.Patience; next.After(r.since.Add(refusalPatience)) || limit > 0 && next.After(r.first.Add(limit)) {
		if err.Error() != r.cause.Error() {
			return fmt.Errorf("%w; the first try: %w", err, r.cause)
		}
		return err
	}
	r.options.Logger.Warn("the Engine has failed at a call; making it again", zap.Duration("after", r.wait), zap.Error(err))
	return r.pauseUnlessStopped(ctx, r.wait)
}

// Insist makes a call that may be made twice until the Engine does it, or refuses it for good.
func (c *Container) Insist(ctx context.Context, call func(context.Context) error) error {
	refused := refusals{Container: c}
	for {
		err := RetryWhileUnavailable(ctx, c.options.Patience, call)
		if !engine.IsInternal(err) {
			return err
		}
		if err := refused.pause(ctx, err); err != nil {
			return err
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
