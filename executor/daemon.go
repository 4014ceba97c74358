package executor

import (
	"fmt"
	"io"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/wire"
)

// send sends a message if the daemon is connected. If it is not, or if the message is lost, the next attach has the same state.
func (e *executor) send(m wire.Message) {
	if e.conn == nil {
		return
	}
	if err := e.conn.Send(m, nil); err != nil {
		e.conn.CloseWrite() // what the daemon has sent is still read; then the link dials again
		e.conn = nil
	}
}

func (e *executor) onLink(l linkEvent) {
	switch {
	case l.conn != nil:
		e.conn = l.conn
		e.attach()
	case l.err != nil:
		e.onDaemonAway(l.err)
	default:
		e.onMessage(l.message, l.file)
	}
}

// onDaemonAway records why the daemon cannot be reached. A task that has no container yet waits for it for a limited time.
func (e *executor) onDaemonAway(err error) {
	e.conn = nil
	if e.linkErr == nil || e.linkErr.Error() != err.Error() {
		e.Logger.Warn("no connection to the daemon; dialling again", zap.Error(err))
	}
	e.linkErr = err
	e.limitWait()
}

// limitWait limits the wait for a daemon that is away while no container can have been started: to what is left of a kill's grace period,
// else to daemonTimeout.
func (e *executor) limitWait() {
	if e.conn != nil || e.task == nil || e.task.exit != nil || e.task.state.ContainerID != "" {
		return
	}
	left := daemonTimeout
	if kill := e.task.state.Kill; kill != nil {
		left = min(left, time.Until(kill.Deadline)+killMargin)
	}
	if left < daemonTimeout || e.unanswered.t == nil {
		e.unanswered.set(left)
	}
}

// onUnanswered ends a task that no daemon has accepted in time.
func (e *executor) onUnanswered() {
	message := fmt.Sprintf("mesos-docker-containerizer did not answer at %s: is it running on this host?", e.Daemon)
	if e.linkErr != nil {
		message += " Last: " + e.linkErr.Error()
	}
	e.onExited(&wire.Exited{Outcome: wire.OutcomeFailed, Fault: wire.FaultHost, Message: message})
}

func (e *executor) attach() {
	attach := wire.Attach{
		Version:         wire.Version,
		Route:           e.Route,
		Framework:       e.Environment.FrameworkID,
		Executor:        e.Environment.ExecutorID,
		Sandbox:         e.Sandbox,
		MappedDirectory: e.MappedDirectory,
		ContainerName:   e.ContainerName,
		TaskEnvironment: e.TaskEnvironment,
		AgentFlags:      e.AgentFlags,
		StopGrace:       e.Environment.ShutdownGracePeriod,
	}
	if e.task != nil {
		attach.StopGrace = e.grace(nil)
		e.anchor()
		state := e.task.state
		state.HasOutput = e.task.output != nil
		state.Exited = e.task.exit != nil
		if state.HasOutput {
			state.OutputOver = hungUp(e.task.output.ReadCloser)
		} else {
			state.Position = e.task.received.position(e.task.outputBroken)
		}
		attach.State = &state
	}
	e.send(wire.Message{Attach: &attach})
}

// anchor has the next daemon hear of points in time by the clock of now, which may have been set.
func (e *executor) anchor() {
	state := &e.task.state
	state.PrepareDeadline = wire.Anchor(state.PrepareDeadline)
	if state.Kill != nil {
		state.Kill.Anchor()
	}
}

func (e *executor) onMessage(m wire.Message, file io.ReadCloser) {
	if m.Refused != nil {
		e.onRefused(m.Refused)
		return
	}
	if e.task == nil {
		return // no other message concerns an executor without a task
	}
	switch {
	case m.Accepted != nil:
		e.onAccepted(m.Accepted)
	case m.Progress != nil:
		e.onProgress(m.Progress)
	case m.Created != nil:
		e.task.state.ContainerID = m.Created.ContainerID
	case m.Output != nil:
		e.onOutput(m.Output, file)
	case m.Running != nil:
		e.onRunning(m.Running)
	case m.Kill != nil:
		e.onKillSent(m.Kill)
	case m.Health != nil:
		e.onHealth(m.Health)
	case m.Check != nil:
		e.onCheck(m.Check)
	case m.Stop != nil:
		e.onStop(m.Stop)
	case m.Gone != nil:
		e.onGone()
	case m.Exited != nil:
		e.onExited(m.Exited)
	}
}

func (e *executor) onAccepted(a *wire.Accepted) {
	e.unanswered.stop()
	e.task.state.PrepareDeadline = wire.Anchor(a.PrepareDeadline)
	if a.ProgressInterval != nil {
		e.task.progress.configure(*a.ProgressInterval)
	}
	if e.task.accepted {
		return // a daemon repeats it to an executor that attaches again
	}
	e.task.accepted = true
	for _, warning := range a.Warnings {
		e.Logger.Warn("warning from the daemon", zap.String("warning", warning))
	}
}

// onRefused ends the task if the refusal is permanent and no container can run. A container that may run waits for another daemon,
// perhaps of another version, that accepts the executor.
func (e *executor) onRefused(r *wire.Refused) {
	e.Logger.Error("the daemon refuses this executor", zap.String("reason", r.Reason))
	e.linkErr = fmt.Errorf("the daemon refuses this executor: %s", r.Reason)
	if !r.Permanent || e.task == nil || e.task.state.ContainerID != "" {
		return
	}
	e.onExited(&wire.Exited{Outcome: wire.OutcomeFailed, Fault: wire.FaultHost,
		Message: fmt.Sprintf("mesos-docker-containerizer at %s refuses this executor: %s", e.Daemon, r.Reason)})
}

// onOutput copies a stream until it ends. A second stream shows the same output and is closed. So is one that was asked for before
// another has ended: the daemon hears of each end as often as the executor attaches.
func (e *executor) onOutput(o *wire.Output, stream io.ReadCloser) {
	if o.Lost != "" && e.task.output == nil {
		e.Logger.Warn("some of the task's output is lost", zap.String("reason", o.Lost))
	}
	if stream == nil {
		return
	}
	if e.task.output != nil || e.task.exit != nil {
		stream.Close()
		return
	}
	if o.After != 0 && o.After != e.task.received.ends {
		stream.Close()
		e.askForRest(true)
		return
	}
	output := &outputStream{ReadCloser: stream}
	e.task.output, e.task.kind = output, *o
	r, tty := &e.task.received, o.TTY
	r.begin(o)
	go func() { e.outputs <- copyOutput(output, tty, r, e.Stdout, e.Stderr) }() // closeOutput waits for its end, up to a limit
}

// onOutputEnd concludes the task if its container has exited and this was the last stream. Otherwise the Engine has gone away, or
// the exit is about to be reported: the daemon knows which.
func (e *executor) onOutputEnd(end outputEnd) {
	e.task.output, e.task.outputBroken = nil, end.err != nil
	e.task.received.ends++
	e.task.state.OutputEnded, e.task.state.Unreadable = time.Now(), end.unreadable
	if !end.lastByte.IsZero() {
		e.task.state.OutputSince = end.lastByte
	}
	if end.lost != nil {
		e.Logger.Error("some of the task's output could not be written", zap.Error(end.lost))
	}
	if end.err == nil && !e.task.received.end(e.task.kind.Past) {
		e.Logger.Warn("the Engine's log does not tell what of the output was received before its restart; some of it may be there twice, and is missing where the log was rotated meanwhile",
			zap.Int("limit_bytes", maxLag))
	}
	if e.task.exit != nil {
		e.conclude()
		return
	}
	if end.err != nil {
		e.Logger.Warn("output stream broke; asking for the rest", zap.Error(end.err))
	}
	e.askForRest(false)
}

// askForRest tells the daemon how the last stream ended.
func (e *executor) askForRest(again bool) {
	e.send(wire.Message{Resume: &wire.Resume{
		Since: e.task.state.OutputSince, Ended: e.task.state.OutputEnded, Broken: e.task.outputBroken, Uncertain: again, Unreadable: e.task.state.Unreadable,
		Position: e.task.received.position(e.task.outputBroken),
	}})
}

// onGone gives the output of a container a moment to pass. The container has ended, and the Engine has not reported it yet.
func (e *executor) onGone() {
	if e.task.output != nil && e.task.exit == nil {
		e.drain.set(stuckTimeout)
	}
}

// onDrain concludes a task whose output has not come to its end. As long as some output passes, the task waits for it: the agent sets the
// bounds of that. If the Engine has not reported the exit, and output has not passed, relieveEngine reads it.
func (e *executor) onDrain() {
	if e.task.exit == nil {
		e.drain.stop()
		e.relieveEngine()
		return
	}
	if passed := e.task.output.passed.Load(); passed != e.task.drained {
		e.task.drained = passed
		e.drain.set(drainTimeout)
		return
	}
	e.Logger.Warn("output of the exited container did not go on")
	e.conclude()
}

// relieveEngine reads, once, the output that the Engine still holds because it was not read in time.
func (e *executor) relieveEngine() {
	switch {
	case e.task.output == nil:
	case pendingBytes(e.task.output.ReadCloser) == 0:
		e.drain.set(stuckTimeout) // the Engine may yet send some
	default:
		e.Logger.Warn("the task's output is not read; keeping the rest of it in memory", zap.Duration("waited", stuckTimeout))
		go e.task.output.setAside() // until closeOutput at the latest
	}
}

// closeOutput ends the copying of a stream that is still open when the executor ends. A sink that is stuck, such as a pipe to a
// hung log helper, does not keep the executor from ending: the agent would wait for it without limit.
func (e *executor) closeOutput() {
	if e.task == nil || e.task.output == nil {
		return
	}
	if waiting := e.task.output.waiting(); waiting > 0 {
		e.Logger.Warn("output of the task is cut: it was not read fast enough", zap.Int("at_least_bytes", waiting))
	}
	e.task.output.Close()
	select {
	case <-e.outputs:
	case <-time.After(stuckTimeout):
		e.Logger.Warn("output could not be written to its end", zap.Duration("waited", stuckTimeout))
	}
}

func (e *executor) onRunning(r *wire.Running) {
	e.unanswered.stop()
	e.task.state.Running = true
	if e.task.running || e.task.exit != nil {
		return
	}
	e.task.running = true
	e.task.started = time.Now()
	e.task.container = containerStatus(&e.task.info, r)
	if e.task.cause.killed {
		return // contract 3.1, row 3
	}
	e.update(mesos.TASK_RUNNING, func(s *mesos.TaskStatus) {
		s.Data = inspectArray(r.Inspect)
		if r.Note != "" {
			s.Message = &r.Note
		}
	})
}

// onExited records the exit. The terminal update waits for the rest of the output, if there is any.
func (e *executor) onExited(x *wire.Exited) {
	if e.task.exit != nil {
		return
	}
	e.unanswered.stop()
	e.completion.stop()
	e.task.exit = x
	if e.task.output != nil && x.Outcome != wire.OutcomeFailed {
		limit := drainTimeout
		if x.Gone {
			limit = lostTimeout
		}
		e.task.drained = e.task.output.passed.Load()
		e.drain.set(limit)
		return
	}
	e.conclude()
}

// conclude sends the terminal update, once.
func (e *executor) conclude() {
	e.drain.stop()
	if e.task.concluded {
		return
	}
	e.task.concluded = true
	state, reason, message := terminal(*e.task.exit, e.task.cause)
	e.update(state, func(s *mesos.TaskStatus) {
		s.Reason = reason
		if e.task.cause.unhealthy != "" {
			s.Healthy = new(false) // contract 3.3
		}
		if message != "" {
			s.Message = &message
		}
	})
	e.failSafe.set(acknowledgementTimeout)
}
