package v1

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

var errNotSubscribed = errors.New("the agent did not confirm the subscription in time")

// subscription makes one attempt to subscribe and, if the agent accepts it, returns when the subscription ends, with the reason.
// The caller looks at parent first, whose end ends everything.
func (r *run) subscription(parent context.Context) (subscribed bool, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	defer cancel(nil)

	attempt := time.AfterFunc(r.attemptTime(), func() { cancel(errNotSubscribed) })
	defer attempt.Stop()

	tasks, updates, seen := r.outbox.Unacknowledged()
	stream, err := r.client.subscribe(ctx, tasks, updates)
	if err != nil {
		return false, cause(ctx, err)
	}
	defer stream.Close()

	for {
		event, err := stream.next()
		if err != nil {
			return subscribed, cause(ctx, err)
		}
		if event.Type == executor.Event_SUBSCRIBED && !subscribed {
			subscribed = true
			attempt.Stop()
			r.logger.Info("subscribed with the agent", zap.String("agent", r.client.endpoint()),
				zap.Int("unacknowledged_tasks", len(tasks)), zap.Int("unacknowledged_updates", len(updates)))
			deliveries.Go(func() { cancel(r.sendUpdates(ctx, seen)) })
		}
		if !wanted(event) {
			r.logger.Debug("ignoring an event", zap.Stringer("type", event.Type))
			continue
		}
		size := event.Size()
		// With parent, not ctx: an event that has been read reaches the executor even if the subscription is about to end.
		if err := r.deliver(parent, event); err != nil {
			return subscribed, err
		}
		agent.ReleaseAfter(size)
	}
}

// attemptTime bounds an attempt, also by the moment at which the executor has to be told to shut down.
func (r *run) attemptTime() time.Duration {
	if r.told {
		return subscribeTimeout
	}
	return min(subscribeTimeout, time.Until(r.deadline))
}

// cause is err, or the reason for which we ended ctx and thereby caused err.
func cause(ctx context.Context, err error) error {
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	return err
}

// sendUpdates delivers, one after another, the updates recorded after seen. Its error is the reason why the subscription ends.
func (r *run) sendUpdates(ctx context.Context, seen agent.Cursor) error {
	for {
		status, next, err := r.outbox.Next(ctx, seen)
		if err != nil {
			return err
		}
		seen = next
		if err := r.sendUpdate(ctx, status); err != nil {
			return err
		}
	}
}

// sendUpdate sends one update until the agent has it or finds it invalid. Most failures pass while the event stream lives on,
// and if they do not the stream ends too; so the update is sent again rather than the stream given up, in which events may
// be under way. An agent that says we are not subscribed leaves no choice.
func (r *run) sendUpdate(ctx context.Context, status mesos.TaskStatus) error {
	log := r.logger.With(zap.String("task", status.TaskID.Value), zap.Stringer("state", status.GetState()))
	for try := 1; ; try++ {
		err := r.client.update(ctx, status)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		var (
			refused *refusal
			fatal   *fatalError
		)
		switch {
		case errors.As(err, &fatal), errors.As(err, &refused) && refused.invalid():
			log.Error("the agent does not accept this status update; it is not sent again before the next subscription", zap.Error(err))
			return nil
		case refused != nil && refused.unsubscribed():
			return err
		case try == updateTries:
			return fmt.Errorf("update not delivered in %d tries: %w", try, err)
		}
		log.Debug("status update not delivered yet", zap.Error(err))
		if err := agent.Sleep(ctx, backoff(r.client.env.SubscriptionBackoffMax)); err != nil {
			return err
		}
	}
}
