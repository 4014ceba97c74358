package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"
)

// Agent is the connection to the Mesos agent.
type Agent interface {
	// Run subscribes, delivers events in order and what the outbox holds, and re-subscribes, until ctx ends or the agent
	// refuses for good. It closes nothing it was given.
	Run(ctx context.Context, outbox agent.Outbox, events chan<- *agent.Event) error
}

// Options of one executor. All are required unless said otherwise.
type Options struct {
	Environment agent.Environment
	Route       wire.Route

	// ContainerName is the name that the agent demands; empty where the daemon may choose.
	ContainerName string

	// Sandbox is the sandbox on the host, MappedDirectory where the container sees it; empty for the daemon's setting.
	Sandbox         string
	MappedDirectory string

	// TaskEnvironment is added to the task's environment and wins over it; nil for none. Its values are secrets.
	TaskEnvironment map[string]string

	// AgentFlags are the agent's settings that the daemon is to heed; nil for none.
	AgentFlags *wire.AgentFlags

	Agent Agent

	// Dial opens a connection to the daemon; it is called again whenever that breaks. Daemon names the daemon for people.
	Dial   func(context.Context) (*wire.Conn, error)
	Daemon string

	// Stdout and Stderr take the container's output. Errors of theirs are ignored.
	Stdout, Stderr io.Writer

	Logger *zap.Logger
}

// Times of the executor that no flag sets.
const (
	// shutdownMargin is taken off the shutdown grace period for the container's stop, so that the terminal update can be
	// delivered before the agent destroys us: one second for the agent's reaping, one for us (contract 3.5).
	shutdownMargin = 2 * time.Second

	// acknowledgementTimeout is the fail-safe of contract 3.3: an agent that does not acknowledge a terminal update
	// for so long will not do so at all. The time that it is away does not count.
	acknowledgementTimeout = 60 * time.Second

	// drainTimeout bounds the wait for more of the output of a container that has exited. The Engine ends the stream by itself, and
	// our own reader gets all of it, even if it is slow. This is for a stream or a reader that hangs.
	drainTimeout = 10 * time.Second

	// stuckTimeout bounds the wait for a write to our own stdout or stderr at the executor's end, and at the container's end as long as
	// the Engine does not report that.
	stuckTimeout = time.Second

	// lostTimeout is drainTimeout if the Engine does not report the exit: then it mostly does not send more output either.
	lostTimeout = 500 * time.Millisecond

	// launchTimeout bounds how long an executor that the agent has accepted has no task. An agent that was restarted may have
	// dropped the task (contract 3.6), and would keep the executor and its resources for as long as the framework lives.
	launchTimeout = 5 * time.Minute

	// daemonTimeout bounds how long a launched task waits for the daemon to answer at all.
	daemonTimeout = 5 * time.Minute
)

// ErrShutdownTimeout is the end of the shutdown grace period before that of the task.
var ErrShutdownTimeout = errors.New("the shutdown grace period is over and the task has not ended")

// errFinished ends the loop regularly.
var errFinished = errors.New("finished")

// executor is the state of one Run. Only the loop's goroutine touches it.
type executor struct {
	Options
	outbox  *outbox
	link    *link
	conn    sender // nil while the daemon is away
	linkErr error  // the last failure to reach the daemon, or its refusal; nil for none

	away           bool // the agent is, and may come back
	reportsKilling bool // the framework accepts TASK_KILLING
	custom         *mesos.ExecutorInfo
	task           *task
	ended          bool            // a terminal update was acknowledged
	refused        map[string]bool // ids of tasks that were ended before they were launched

	outputs chan outputEnd

	idle       timer // no task has come
	shutdown   timer // the end of the shutdown grace period
	completion timer // max_completion_time
	unanswered timer // the daemon has not accepted the launch
	drain      timer // output of an exited container
	failSafe   timer // the terminal update is not acknowledged
}

// Run lives one executor's life. It returns nil once the task's terminal update is acknowledged, or the agent shut down an
// executor that had nothing to run. When ctx ends the task is stopped as by a shutdown, within the shutdown grace period.
func Run(ctx context.Context, o Options) error {
	return newExecutor(o).live(ctx)
}

func newExecutor(o Options) *executor {
	return &executor{
		Options: o,
		outbox:  newOutbox(),
		link:    &link{dial: o.Dial, events: make(chan linkEvent)},
		refused: map[string]bool{},
		outputs: make(chan outputEnd, 1),
	}
}

func (e *executor) live(ctx context.Context) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	events := make(chan *agent.Event)
	gone := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { gone <- e.Agent.Run(inner, e.outbox, events) })
	wg.Go(func() { e.link.run(inner) })
	defer wg.Wait()
	defer cancel()
	defer e.closeOutput()

	if err := e.loop(ctx, events, gone); !errors.Is(err, errFinished) {
		return err
	}
	return nil
}

func (e *executor) loop(ctx context.Context, events <-chan *agent.Event, gone <-chan error) error {
	terminate := ctx.Done()
	for {
		var err error
		select {
		case event := <-events:
			err = e.onEvent(event)
		case l := <-e.link.events:
			e.onLink(l)
		case end := <-e.outputs:
			e.onOutputEnd(end)
		case <-terminate:
			terminate = nil
			e.Logger.Info("stopping the task after a termination signal")
			err = e.onShutdown()
		case err = <-gone:
			return fmt.Errorf("agent connection: %w", err)
		case <-e.idle.c():
			e.Logger.Warn("no task has come from the agent", zap.Duration("waited", launchTimeout))
			err = errFinished
		case <-e.shutdown.c():
			return ErrShutdownTimeout
		case <-e.completion.c():
			e.onCompletion()
		case <-e.unanswered.c():
			e.onUnanswered()
		case <-e.drain.c():
			e.onDrain()
		case <-e.failSafe.c():
			err = e.onUnacknowledged()
		}
		if err != nil {
			return err
		}
	}
}

// timer is a time.Timer that need not be set.
type timer struct{ t *time.Timer }

func (t *timer) set(d time.Duration) { t.stop(); t.t = time.NewTimer(d) }

func (t *timer) stop() {
	if t.t != nil {
		t.t.Stop()
		t.t = nil
	}
}

func (t *timer) c() <-chan time.Time {
	if t.t == nil {
		return nil
	}
	return t.t.C
}
