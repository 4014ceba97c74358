package v1

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

var errNotSubscribed = errors.New("the agent did not confirm the subscription in time")

// subscription makes one attempt to subscribe. If the agent accepts it, subscription returns when that ends, with the reason. The
// caller checks parent first.
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
			subscribed, r.lost = true, false
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

// attemptTime bounds an attempt. It ends at the latest when the executor's SHUTDOWN is due.
func (r *run) attemptTime() time.Duration {
	if r.told {
		return subscribeTimeout
	}
	return min(subscribeTimeout, time.Until(r.deadline))
}

// cause returns the reason for which ctx was ended, if it was, else err.
func cause(ctx context.Context, err error) error {
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	return err
}

// sendUpdates delivers the updates recorded after seen, one after another. Its error ends the subscription.
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

// sendUpdate sends one update until the agent has it or refuses it as invalid. Most failures pass while the event stream lives, and
// the stream may have events on the way, so it retries the update and keeps the stream. It ends the subscription if the agent
// answers that there is none.
func (r *run) sendUpdate(ctx context.Context, status mesos.TaskStatus) error {
	log := r.logger.With(zap.String("task", status.TaskID.Value), zap.Stringer("state", status.GetState()))
	for try := 1; ; try++ {
		err := r.client.update(ctx, status)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		_, fatal := errors.AsType[*fatalError](err)
		refused, isRefused := errors.AsType[*refusal](err)
		switch {
		case fatal, isRefused && refused.invalid():
			log.Error("the agent does not accept this status update; it is not sent again before the next subscription", zap.Error(err))
			return nil
		case isRefused && refused.unsubscribed():
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

const (
	// subscribeTimeout bounds an attempt from its first packet to the SUBSCRIBED event, so that an agent which takes
	// connections and never answers is noticed. An agent answers within milliseconds even while it recovers; one that
	// re-subscribes a thousand executors at once may need seconds.
	subscribeTimeout = 5 * time.Second

	// updateTimeout bounds one UPDATE. The agent answers before it stores the update.
	updateTimeout = 10 * time.Second

	// updateTries bounds how often one UPDATE is sent on one subscription. An agent that recovers takes a subscription
	// before it takes updates (503), and is done within a second or two.
	updateTries = 8

	// slowestRetry bounds every pause before a retry. Once recovered the agent gives its executors 2 s by default to
	// subscribe again and then kills them, so it has to be asked at least every 0.5 s (contract 5.1).
	slowestRetry = 500 * time.Millisecond

	// quickestRetry is the least upper bound of those pauses: the configured one may be 0, which would be a busy loop.
	quickestRetry = 50 * time.Millisecond

	// idleTimeout ends the connection of the updates when none has been sent for a while: most of a task's life passes
	// without updates, and the connection costs two goroutines here and a descriptor at the agent. Since we end it, its end says
	// nothing; that the agent is gone is learnt from the event stream, or from a call that fails.
	idleTimeout = 10 * time.Second
)

// backoff returns a uniformly random pause of at most limit, so that the executors of one host do not return to their agent all
// at once.
func backoff(limit time.Duration) time.Duration {
	limit = min(max(limit, quickestRetry), slowestRetry)
	return rand.N(limit + 1)
}
