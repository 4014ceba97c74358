// Package v1 is the executor's connection to the Mesos agent over the executor HTTP API v1 (contract 5.1).
//
// New takes the environment that the agent has set. Run works until its context ends: it subscribes, hands every event to the
// executor in order, and delivers the updates of the executor's outbox (agent.Outbox). The connection keeps nothing else, so
// nothing is lost with it: the next SUBSCRIBE has all that the agent has not acknowledged.
//
// # When the agent is away
//
// The first subscription and every later one are tried again, after a random pause of at most MESOS_SUBSCRIPTION_BACKOFF_MAX
// and never more than 0.5 s, for as long as the agent cannot be reached or says that it is not ready (404, 5xx). Any other
// refusal ends Run. Where the framework checkpoints, the executor is sent agent.Away meanwhile.
//
// The connection sends the executor a SHUTDOWN event of its own, at most one and none after the agent's, when
//   - it had been subscribed, the framework does not checkpoint, and the connection ended: at once, for the agent keeps no such
//     executor;
//   - the framework does checkpoint and the agent has not taken it back within MESOS_RECOVERY_TIMEOUT;
//   - it could not subscribe for the first time within that time, checkpoint or not.
//
// Run goes on to subscribe afterwards until its context ends: an agent that returns in time still gets the terminal updates.
//
// # Caveats
//
// Events wait for the executor. An executor that does not receive holds up the stream, and so the notice of a disconnect. The
// connection logs an update that the agent refuses as invalid (400) and skips it; the update stays in the outbox. It ignores
// LIBPROCESS_SSL_SUPPORT_DOWNGRADE: with LIBPROCESS_SSL_ENABLED it never sends a call in the clear. It sends no HEARTBEAT calls: no
// agent waits for them, and agents before 1.8 refuse them.
package v1

import (
	"context"
	"errors"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

// Connection is an executor's connection to its agent. It keeps no state between calls of Run.
type Connection struct {
	client *client
	logger *zap.Logger
}

// New reads the files that LIBPROCESS_SSL_* names and connects to nothing yet. The logger has the fields that name the executor.
func New(env agent.Environment, logger *zap.Logger) (*Connection, error) {
	c, err := newClient(env)
	if err != nil {
		return nil, err
	}
	return &Connection{client: c, logger: logger}, nil
}

// Run subscribes with the agent and stays subscribed until ctx ends, whose error it then returns, or until the agent refuses for
// good, with an error for a person to read. It owns neither outbox nor events, closes nothing of theirs, and has no goroutine
// left when it returns.
func (c *Connection) Run(ctx context.Context, outbox agent.Outbox, events chan<- *agent.Event) error {
	defer c.client.http.CloseIdleConnections()
	r := &run{
		Connection: c,
		outbox:     outbox,
		events:     events,
		deadline:   time.Now().Add(c.client.env.RecoveryTimeout),
	}
	for {
		subscribed, err := r.subscription(ctx)
		fatal, isFatal := errors.AsType[*fatalError](err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isFatal:
			return fatal.error
		case subscribed:
			r.disconnected(err)
		default:
			r.failed(err)
		}
		// What is left of old connections says nothing about the agent that will be there next.
		c.client.http.CloseIdleConnections()
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

// run is one call of Run: a series of subscriptions. One goroutine owns it.
type run struct {
	*Connection
	outbox agent.Outbox
	events chan<- *agent.Event

	deadline time.Time // while not subscribed: the time of our own SHUTDOWN
	lost     bool      // the executor is to be sent agent.Away
	told     bool      // the executor has had a SHUTDOWN, from the agent or from us
	failing  bool      // the last attempt failed; only the first failure in a row is a warning
}

// disconnected records the end of a subscription. The agent's time to accept the executor again starts now.
func (r *run) disconnected(err error) {
	r.deadline, r.lost = time.Now(), r.client.env.Checkpoint
	if r.lost {
		r.deadline = r.deadline.Add(r.client.env.RecoveryTimeout)
	}
	r.failing = false
	r.logger.Warn("disconnected from the agent, subscribing again", zap.Error(err))
}

// failed records an attempt that failed. Only the first in a row is logged as a warning, because there may be thousands.
func (r *run) failed(err error) {
	log := r.logger.Debug
	if !r.failing {
		log = r.logger.Warn
	}
	r.failing = true
	log("cannot subscribe with the agent yet, trying again", zap.Error(err))
}

// pause waits before the next attempt, and sends agent.Away if the executor receives it meanwhile. It sends a SHUTDOWN when the time for
// attempts is over.
func (r *run) pause(ctx context.Context) error {
	wait := backoff(r.client.env.SubscriptionBackoffMax)
	if !r.told {
		wait = min(wait, time.Until(r.deadline))
	}
	for over := time.After(wait); over != nil; {
		var away chan<- *agent.Event
		if r.lost {
			away = r.events
		}
		select {
		case away <- agent.Away:
			r.lost = false
		case <-over:
			over = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.told || time.Now().Before(r.deadline) {
		return nil
	}
	r.logger.Warn("the agent is gone, shutting down")
	return r.deliver(ctx, &agent.Event{Type: executor.Event_SHUTDOWN})
}

// deliver hands an event to the executor. It fails only with ctx's error.
func (r *run) deliver(ctx context.Context, event *agent.Event) error {
	select {
	case r.events <- event:
	case <-ctx.Done():
		return ctx.Err()
	}
	if event.Type == executor.Event_SHUTDOWN {
		r.told = true
	}
	return nil
}
