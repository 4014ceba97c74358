package v1

import (
	"math/rand/v2"
	"time"
)

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
