package localagent

import (
	"context"
	"fmt"
	"time"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/internal/agentflag"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
)

// Outage says how long each part of a restart takes. Zero skips no part, it only makes it short.
type Outage struct {
	Down       time.Duration // connections are refused
	Starting   time.Duration // 404
	Recovering time.Duration // 503
}

// Restart stops the agent, starts it again after the outage and returns when executors may subscribe again: the window
// has just begun. If ctx ends before, the agent stays as it is then.
func (a *Agent) Restart(ctx context.Context, outage Outage) error {
	for _, step := range []struct {
		run  func() error
		last time.Duration
	}{
		{a.Stop, outage.Down},
		{a.Start, outage.Starting},
		{a.Recover, outage.Recovering},
	} {
		if err := step.run(); err != nil {
			return err
		}
		if err := agent.Sleep(ctx, step.last); err != nil {
			return fmt.Errorf("restart local agent: %w", err)
		}
	}
	return a.Reconnect()
}

// Stop is the death of the agent: streams break, connections are refused, executors live on. The agent remembers the executors of
// frameworks that checkpoint. Those of other frameworks are lost, and their tasks are reported as lost. When Stop returns, no call is
// in progress.
func (a *Agent) Stop() error {
	a.transition.Lock()
	defer a.transition.Unlock()

	a.mu.Lock()
	if a.phase == closed {
		a.mu.Unlock()
		return ErrClosed
	}
	a.phase = down
	if a.window != nil {
		a.window.Stop()
	}
	for _, e := range a.all() {
		e.forget()
	}
	a.mu.Unlock()

	err := a.hangUp(false)

	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.all() {
		if !e.framework.info.GetCheckpoint() {
			a.lose(e)
		}
	}
	a.log.Info("agent stopped")
	return err
}

// forget drops the state of an executor that an agent does not checkpoint: its connection, its timers, acknowledgements that were not
// sent. A queued task counts as launched from now on, because the agent cannot know whether the executor has received it.
func (e *executorRun) forget() {
	e.stopTimer()
	e.stream.cut()
	e.stream = nil
	e.held = nil
	if e.state != terminated {
		e.state = registering
	}
	for _, t := range e.order {
		if t.stage == queued {
			t.stage = launched
		}
	}
}

// lose gives up an executor whose framework does not checkpoint: the recovery destroys its process, and the master declares its tasks
// lost.
func (a *Agent) lose(e *executorRun) {
	for _, t := range e.order {
		if t.stage != ended {
			a.report(e, t, mesos.TaskStatus{
				TaskID:  mesos.TaskID{Value: t.ID},
				State:   e.framework.lostState(mesos.TASK_GONE).Enum(),
				Source:  mesos.SOURCE_MASTER.Enum(),
				Reason:  mesos.REASON_AGENT_DISCONNECTED.Enum(),
				Message: new("Slave " + a.options.Hostname + " disconnected"),
			})
		}
	}
	a.orphans = append(a.orphans, e)
	a.remove(e)
}

// Start lets a stopped agent listen again, at the same port. Its routes are not installed yet.
func (a *Agent) Start() error {
	a.transition.Lock()
	defer a.transition.Unlock()
	if err := a.advance(down, starting); err != nil {
		return err
	}
	if err := a.listen(); err != nil {
		a.mu.Lock()
		a.phase = down
		a.mu.Unlock()
		return fmt.Errorf("start local agent: %w", err)
	}
	return nil
}

// Recover lets a started agent answer that it has not finished recovery. Executors it does not remember are destroyed.
func (a *Agent) Recover() error {
	if err := a.advance(starting, recovering); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.orphans {
		e.destroy()
	}
	a.orphans = nil
	return nil
}

// Reconnect begins the window in which executors must subscribe again. Until it ends, all their calls but SUBSCRIBE and
// HEARTBEAT are refused with 503. Executors that have exited in the meantime are reported now.
func (a *Agent) Reconnect() error {
	if err := a.advance(recovering, reconnecting); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.all() {
		if e.exited {
			a.terminate(e)
		}
	}
	if len(a.frameworks) == 0 {
		a.phase = running
		return nil
	}
	a.window = time.AfterFunc(a.options.ReregistrationWindow, a.endWindow)
	return nil
}

// endWindow ends the recovery and destroys executors that have not subscribed again (contract 3.6).
func (a *Agent) endWindow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.phase != reconnecting {
		return
	}
	a.phase = running
	for _, e := range a.all() {
		if e.state != registering {
			continue
		}
		a.log.Warn("executor did not reregister in time, destroying it", e.fields()...)
		e.state = terminating
		e.cause = &termination{
			state:   e.framework.lostState(mesos.TASK_GONE),
			reason:  mesos.REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
			message: "Executor did not reregister within " + agentflag.FormatDuration(a.options.ReregistrationWindow),
		}
		e.destroy()
	}
}

func (a *Agent) advance(from, to phase) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.phase {
	case from:
		a.phase = to
		a.log.Debug("agent phase", zap.Int("phase", int(to)))
		return nil
	case closed:
		return ErrClosed
	default:
		return fmt.Errorf("local agent is in phase %d, expected %d", a.phase, from)
	}
}
