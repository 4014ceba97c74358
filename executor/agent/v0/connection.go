// Package v0 is the executor's connection to the Mesos agent over libprocess, the protocol of the stock docker executor
// (contract 5.2). Agents recover the executors of their docker containerizer over no other.
//
// New takes the environment that the agent has set. Run works until its context ends: it listens for the agent's messages and
// hands them to the executor as events of the v1 API, it registers, and it delivers the updates of the executor's outbox
// (agent.Outbox). The connection keeps nothing else, so nothing is lost with it: the next re-registration has all that the agent
// has not acknowledged.
//
// There are two TCP connections, one for each direction. The agent opens one to our address and sends its messages there
// (server). We open one to the agent's address (link). Messages have the form of HTTP requests. The responses carry nothing.
//
// # When the agent is away
//
// The link ends with the agent. The next agent, perhaps at another address, asks the executor to re-register. The sender of that
// request is the agent from then on, with a new link. Where the framework checkpoints, the executor is sent agent.Away meanwhile.
//
// The connection sends the executor a SHUTDOWN event of its own, at most one and none after the agent's, when
//   - the link could not be made or ended before the agent had registered us: at once, it will not do so any more;
//   - the framework does not checkpoint and the link ended: at once, for the agent keeps no such executor;
//   - the framework does checkpoint and no agent has taken us back within MESOS_RECOVERY_TIMEOUT.
//
// Run goes on afterwards until its context ends: terminal updates are delivered and acknowledged as ever, and an agent that
// returns still gets them.
//
// # Caveats
//
// The protocol has no authentication. The connection takes messages only from the agent's own address, which proves little on its
// host. It ignores a message for another executor or framework: ports are used again, and an agent writes to the last address that
// it knows of an executor. It sends each update once per link: the agent either stores what it has read or dies, and then gets it
// again. If the task sets LIBPROCESS_PORT, the task's value counts.
package v0

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/agent/secure"
)

// Connection is an executor's connection to its agent. It keeps no state between calls of Run.
type Connection struct {
	env    agent.Environment
	secure *secure.TLS // nil for none
	logger *zap.Logger
}

// New reads the files that LIBPROCESS_SSL_* names and neither connects nor listens yet. The logger has the fields that name the executor.
func New(env agent.Environment, logger *zap.Logger) (*Connection, error) {
	c := &Connection{env: env, logger: logger}
	if c.env.AgentProcess == "" || c.env.AgentAddress == "" {
		return nil, errors.New("MESOS_SLAVE_PID is not set; without it nothing says where the agent takes libprocess messages")
	}
	if c.env.TLS.Enabled {
		if c.env.TLS.CertFile == "" {
			return nil, errors.New("LIBPROCESS_SSL_ENABLED is set without LIBPROCESS_SSL_CERT_FILE and LIBPROCESS_SSL_KEY_FILE: the agent connects to us and wants to see a certificate")
		}
		var err error
		if c.secure, err = secure.New(c.env.TLS); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Run registers with the agent and serves it until ctx ends. It then returns ctx's error; any other error means that it could not
// open a socket. It owns neither outbox nor events and closes neither. No goroutine is left when it returns.
func (c *Connection) Run(ctx context.Context, outbox agent.Outbox, events chan<- *agent.Event) error {
	listener, self, err := listen(ctx, c.env.Libprocess, c.env.AgentAddress, c.logger)
	if err != nil {
		return err
	}
	messages := make(chan message)
	r := &run{
		Connection: c,
		outbox:     outbox,
		events:     events,
		self:       self,
		agent:      upid{c.env.AgentProcess, c.env.AgentAddress},
	}
	r.identity.Store(&identity{framework: c.env.FrameworkID, executor: c.env.ExecutorID, agent: c.env.AgentID})
	s := &server{self: self, listener: listener, secure: c.secure, trusts: r.trusts, messages: messages, logger: c.logger}
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	serving.Go(func() { s.serve(ctx) })
	return r.loop(ctx, messages)
}

// run is one call of Run. One goroutine owns it, but for the atomics, which links and the server read.
type run struct {
	*Connection
	outbox agent.Outbox
	events chan<- *agent.Event

	self  upid
	agent upid   // where the agent is now
	asked uint64 // the connection on which it asked for re-registration; 0 if it has not
	link  *link  // nil while there is none

	registered bool                      // the agent has accepted us
	subscribed executor.Event_Subscribed // the content of its answer

	deadline *time.Timer // the time of our own SHUTDOWN to the executor; nil while there is no reason for one
	lost     bool        // the executor is to be sent agent.Away
	told     bool        // the executor has had a SHUTDOWN, from the agent or from us

	peer     atomic.Pointer[netip.Addr] // the agent's address as seen on the last link
	identity atomic.Pointer[identity]
}

// trusts reports whether an address is known to be the agent's.
func (r *run) trusts(peer netip.Addr) bool {
	known := r.peer.Load()
	return known != nil && *known == peer
}

func (r *run) loop(ctx context.Context, messages <-chan message) error {
	r.connect(ctx, r.registration)
	defer func() { r.disconnect() }()
	for {
		var deadline <-chan time.Time
		if r.deadline != nil {
			deadline = r.deadline.C
		}
		var away chan<- *agent.Event
		if r.lost {
			away = r.events
		}
		var err error
		select {
		case away <- agent.Away: // an executor that does not receive delays no answer to the agent
			r.lost = false
		case m := <-messages:
			err = r.receive(ctx, m)
		case <-r.link.ended():
			err = r.linkEnded(ctx)
		case <-deadline:
			r.deadline = nil
			r.logger.Warn("no agent has come back, shutting down", zap.Duration("waited", r.env.RecoveryTimeout))
			err = r.shutDown(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			r.stopDeadline()
			return err
		}
	}
}

// connect replaces the link. The new one begins with the message that hello returns.
func (r *run) connect(ctx context.Context, hello func() opening) {
	r.disconnect()
	ctx, cancel := context.WithCancel(ctx)
	l := &link{run: r, agent: r.agent, asked: r.registered, cancel: cancel, done: make(chan struct{})}
	r.link = l
	go func() {
		defer close(l.done)
		l.err = l.live(ctx, hello)
	}()
}

// disconnect ends the link and waits for that.
func (r *run) disconnect() {
	if r.link != nil {
		r.link.cancel()
		<-r.link.done
		r.link = nil
	}
}

func (r *run) registration() opening {
	return opening{name: registerExecutor, body: r.identity.Load().register()}
}

func (r *run) linkEnded(ctx context.Context) error {
	r.link.cancel()
	r.logger.Warn("disconnected from the agent", zap.Stringer("agent", r.agent), zap.Bool("checkpoint", r.env.Checkpoint), zap.Error(r.link.err))
	r.link = nil
	switch {
	case r.told:
		return nil
	case !r.registered || !r.env.Checkpoint:
		return r.shutDown(ctx)
	case r.deadline == nil:
		r.deadline, r.lost = time.NewTimer(r.env.RecoveryTimeout), true
	}
	return nil
}

func (r *run) stopDeadline() {
	if r.deadline != nil {
		r.deadline.Stop()
		r.deadline = nil
	}
}

// shutDown sends the executor a SHUTDOWN, because the agent is gone for good.
func (r *run) shutDown(ctx context.Context) error {
	if r.told {
		return nil
	}
	return r.deliver(ctx, &agent.Event{Type: executor.Event_SHUTDOWN})
}

// receive acts on a message of the agent. It ignores a message that it cannot decode. It fails only with ctx's error.
func (r *run) receive(ctx context.Context, m message) error {
	log := r.logger.With(zap.String("message", m.name), zap.Stringer("sender", m.from))
	got, err := decode(m.name, m.body)
	if err == nil {
		err = r.checkRecipient(got)
	}
	if err != nil {
		log.Warn("a message is ignored", zap.Error(err))
		return nil
	}
	size := len(m.body)
	m.body = nil
	switch m.name {
	case reconnectExecutor:
		r.reconnect(ctx, m, got.agentID)
		return nil
	case executorRegistered:
		r.registered, r.subscribed = true, *got.event.Subscribed
		r.belongTo(got.agentID)
	case executorReregistered:
		r.registered, r.lost = true, false
		r.stopDeadline()
		got.event.Subscribed.ExecutorInfo = r.subscribed.ExecutorInfo
		got.event.Subscribed.FrameworkInfo = r.subscribed.FrameworkInfo
	case runTask:
		if r.told {
			log.Warn("a task that came after the shutdown is ignored", zap.String("task", got.event.Launch.Task.TaskID.Value))
			return nil
		}
	}
	err = r.deliver(ctx, got.event)
	got = received{}
	agent.ReleaseAfter(size)
	return err
}

// checkRecipient refuses a message for another executor, which had our port before us.
func (r *run) checkRecipient(got received) error {
	ours := r.identity.Load()
	switch {
	case got.executorID != "" && got.executorID != ours.executor:
		return fmt.Errorf("it is for the executor %.200q", got.executorID)
	case got.frameworkID != "" && got.frameworkID != ours.framework:
		return fmt.Errorf("it is for the framework %.200q", got.frameworkID)
	case r.registered && got.agentID != "" && got.agentID != ours.agent:
		return fmt.Errorf("it is of the agent %.200q, ours is %.200q", got.agentID, ours.agent)
	}
	return nil
}

// belongTo stores the agent's id. Before the agent's own message the id is known only from the environment, which the task can set.
func (r *run) belongTo(agentID string) {
	ours := *r.identity.Load()
	ours.agent = agentID
	r.identity.Store(&ours)
}

// reconnect answers an agent that asks for re-registration after a restart. An agent may ask more than once, and it takes only the
// first answer that reaches it (contract 5.2). If our link to it has not ended, it may have accepted us already and not read the
// updates in this answer, so the link sends them again. An agent that has them acknowledges them again. A superfluous answer makes an
// agent shut us down. So an agent that has just got an answer, perhaps to the request of an agent that has died since, gets no other.
func (r *run) reconnect(ctx context.Context, m message, agentID string) {
	if m.from != r.agent && m.connection < r.asked {
		r.logger.Info("a request for re-registration has come late, from an agent before this one", zap.Stringer("agent", m.from))
		return
	}
	r.logger.Info("the agent asks for re-registration", zap.Stringer("agent", m.from))
	again := r.link != nil && r.agent == m.from
	r.agent, r.asked = m.from, m.connection
	if agentID != "" {
		r.belongTo(agentID)
	}
	if again && r.link.answered() {
		r.logger.Info("the agent has been answered already")
		return
	}
	r.connect(ctx, func() opening { return r.reregistration(again) })
}

func (r *run) reregistration(again bool) opening {
	tasks, updates, seen := r.outbox.Unacknowledged()
	if again {
		seen = 0
	}
	body, err := r.identity.Load().reregister(tasks, updates)
	if err != nil {
		r.logger.Error("part of the re-registration cannot be sent", zap.Error(err))
	}
	return opening{reregisterExecutor, body, seen}
}

// deliver hands an event to the executor. It fails only with ctx's error.
func (r *run) deliver(ctx context.Context, event *agent.Event) error {
	if event.Type == executor.Event_SHUTDOWN {
		r.told = true
		r.stopDeadline()
	}
	select {
	case r.events <- event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
