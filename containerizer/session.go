package containerizer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// errExecutorGone is why the preparation of a task was given up.
var errExecutorGone = errors.New("the executor has died")

// lostExitTimeout is how long the Engine may take to report the exit of a task whose process is gone.
const lostExitTimeout = 60 * time.Second

// stoppedExitTimeout is the same for a task that was killed. Its end has to be told within 5 s of the kill's deadline.
const stoppedExitTimeout = 4 * time.Second

// session is the life of one executor's task, and the owner of its container. run is the task from top to bottom. What the executor
// says comes from serve (connection.go).
type session struct {
	server   *Server
	attach   wire.Attach // as first received
	executor wire.Process
	user     *policy.User // of the executor, nil if it is trusted
	logger   *zap.Logger

	conn   executorConn
	done   chan struct{} // closed when the executor needs nothing any more
	finish sync.Once     // of done
	ended  chan struct{} // closed when the task has ended

	// Set once, before launched is closed.
	launchOnce sync.Once
	launched   chan struct{}
	order      wire.Launch
	container  *container.Container
	stopGrace  time.Duration

	starting atomic.Bool // the Engine may have been asked to start the container

	ending atomic.Pointer[ending] // nil while no container is known to run

	memory  memory        // of the running container
	foreign foreignKills  // of that, too
	owed    chan struct{} // buffered: the Engine has yet to tell of the container's end

	at history

	// Set by enlist, under the server's lock, and read-only from then on.
	task string
	name string

	// Of run alone.
	info     taskInfo
	parent   cgroup.Parent   // of the container's control group; without a path it is the Engine's choice
	note     string          // about the pull and the GPUs, for the task's user; empty for none
	hasGPUs  bool            // by the container's label
	probes   probes          // what is probed while the container runs
	probing  sync.WaitGroup  // as long as it is
	process  *pidfd.Process  // the executor's
	gone     <-chan struct{} // closed when that has died
	unwatch  func()
	networks joining

	orphaned sync.Once // the executor has died, and its container is being stopped
}

// taskInfo is what was launched, decoded.
type taskInfo struct {
	task     mesos.TaskInfo
	executor *mesos.ExecutorInfo // nil unless the framework named the executor itself
	err      error               // why it cannot be decoded
}

func newSession(s *Server, a *wire.Attach, p peer) *session {
	opened := &session{
		server: s, attach: *a, executor: p.Process, user: p.user,
		logger:   s.options.Logger.With(zap.String("framework", a.Framework), zap.String("executor", a.Executor)),
		launched: make(chan struct{}),
		done:     make(chan struct{}),
		ended:    make(chan struct{}),
		memory:   memory{looks: make(chan struct{}, 1)},
		foreign:  foreignKills{died: make(chan struct{})},
		owed:     make(chan struct{}, 1),
		unwatch:  func() {},
	}
	opened.at.changed = func() { opened.report() }
	return opened
}

// launch takes the task. Only the first counts: an executor that attaches again has brought its task along.
func (s *session) launch(order wire.Launch) {
	s.launchOnce.Do(func() {
		s.order = order
		s.logger = s.logger.With(zap.String("task", order.Task))
		s.stopGrace = s.attach.StopGrace
		if order.StopGrace > 0 {
			s.stopGrace = order.StopGrace
		}
		s.container = container.New(container.Options{
			Engine: s.server.engine, Owner: s, Name: containerName(&s.attach, order.Task, s.executor), Late: s.server.late, Logger: s.logger,
			Abandoned: s.server.abandoned, Losses: s.server.watch.lost, LostAt: s.server.watch.lostAt, LostExit: s.server.lostExit, StoppedExit: s.server.stoppedExit, Removed: s.server.options.Metrics.ContainerRemoved,
			OutputLost: s.outputLost, StopSent: s.stopSent, StopGrace: s.stopGrace, Trusted: s.user == nil,
			Gone: s.processGone,
		})
		s.at.open(record.Record{
			Task: order.Task, Framework: s.attach.Framework, Executor: s.attach.Executor, Route: string(s.attach.Route),
			Sandbox: s.attach.Sandbox, Container: s.container.Name(), Process: record.Process(s.executor),
		}, s.attach.State, s.server.options.Records, s.logger)
		close(s.launched)
	})
}

// run takes the task from its launch to the removal of its container, or ends with ctx, or with an executor that dies without
// having launched anything.
func (s *session) run(ctx context.Context, executor *pidfd.Process) {
	gone, cancel := executor.Gone(ctx)
	defer cancel()
	s.process, s.gone = executor, gone
	defer s.conn.close()
	defer func() { s.unwatch() }()
	defer s.probing.Wait()

	select {
	case <-s.launched:
	case <-s.gone:
		return
	case <-ctx.Done():
		return
	}
	if err := s.server.enlist(s, s.order.Task, s.container.Name()); err != nil {
		s.countLaunch(time.Now(), err)
		s.conclude(ctx, s.failure(err))
		return
	}
	if state := s.attach.State; state != nil && state.Exited {
		s.at.enter(record.Ended, "ended, its update is sent")
		s.at.progress("ended, its update is sent")
		close(s.ended)
		s.removeEnded(ctx)
		return
	}

	defer s.networks.close()
	exit := s.runTask(ctx)
	if ctx.Err() != nil {
		return // the next daemon goes on from here
	}
	s.leaveNetworks(ctx)
	s.conclude(ctx, exit)
}

// runTask returns how the task ended.
func (s *session) runTask(ctx context.Context) wire.Exited {
	began := time.Now()
	launched := s.server.turns.launch()
	prepared, err := s.prepare(ctx)
	launched()
	if ctx.Err() == nil {
		s.countLaunch(began, err)
	}
	if err != nil {
		s.at.failed(err)
		return s.explainStart(ctx, err)
	}
	announced := s.announce(prepared.ID) // before anybody can know that it runs
	defer func() { announced.end(context.Cause(ctx)) }()
	s.reportRunning(prepared)
	s.learnContainer(prepared)
	s.at.enter(record.Running, "running", zap.String("image", prepared.Config.Image))

	defer s.startUsage()()
	exited, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { s.stopWithExecutor(exited) })
	beside.Go(func() { s.relieveEngine(exited) })
	beside.Go(func() { s.watchMemory(exited, prepared) })
	beside.Go(func() { s.settleNetworks(exited, prepared) })
	if prepared.State.Running {
		s.probe(exited, prepared)
	}
	end, err := s.container.Wait(ctx, prepared)
	if err != nil {
		return unknownEnd(err)
	}
	cancel()
	beside.Wait() // for the last figures of its memory
	return s.explainExit(ctx, prepared, s.judgeForeign(ctx, prepared, s.judgeMemory(prepared, end)))
}

// stopWithExecutor takes the executor's death for the order to stop the container.
func (s *session) stopWithExecutor(ctx context.Context) {
	select {
	case <-s.gone:
		s.orphaned.Do(func() {
			s.container.AbandonOutput()
			s.server.options.Metrics.OrphanStopped()
			s.at.stopping(record.Stop{By: "the executor has died", Deadline: time.Now().Add(s.stopGrace)})
			s.container.StopWithin(s.stopGrace)
		})
	case <-ctx.Done():
	}
}

// Owns implements container.Owner: a container is the task's if it was created for this very executor and task.
func (s *session) Owns(name string, of map[string]string) bool {
	labels, _ := engine.ParseLabels(of)
	return labels.Ours(s.server.instance.id, name) && labels.Task == s.order.Task &&
		labels.ExecutorPID == s.executor.PID && labels.ExecutorStartTime == s.executor.StartTime && labels.BootID == s.executor.BootID
}

// Output implements container.Owner: the output is the executor's. One that is away asks for a stream when it is back.
func (s *session) Output(stream *os.File, kind container.Stream) error {
	output := wire.Output{TTY: kind.TTY, Resumed: kind.Resumed, From: kind.From, After: kind.After, Lost: kind.Lost}
	if kind.Lost != "" {
		s.server.options.Metrics.OutputLost()
	}
	if kind.Past != nil {
		output.Past = &wire.Past{Until: kind.Past.Until, Whole: kind.Past.Whole}
	}
	s.conn.sendOnce(wire.Message{Output: &output}, stream)
	return nil
}

// outputLost says, where the task's user reads it too, that the rest of the output cannot be had.
func (s *session) outputLost(err error) {
	s.server.options.Metrics.OutputLost()
	s.logger.Warn("the rest of the output cannot be had", zap.Error(err))
	s.conn.sendOnce(wire.Message{Output: &wire.Output{Resumed: true, Lost: err.Error()}}, nil)
}

// conclude reports the outcome and has the container removed once it is not needed any more.
func (s *session) conclude(ctx context.Context, exit wire.Exited) {
	s.countEnd(exit)
	s.at.ended(exit, fmt.Sprintf("ended (%s, status %d), its update is on the way", exit.Outcome, exit.Code))
	s.conn.sendSticky(wire.Message{Exited: &exit})
	close(s.ended)
	if s.awaitDone(ctx) && s.container.ID() != "" {
		s.scheduleRemoval(ctx, s.container.ID())
	}
}

// awaitDone waits until the executor needs nothing any more. On the drop-in route that is its death: agents inspect the container
// as long as its executor lives.
func (s *session) awaitDone(ctx context.Context) bool {
	done := s.done
	if s.attach.Route == wire.RouteDropIn {
		done = nil
	}
	select {
	case <-done:
	case <-s.gone:
	case <-ctx.Done():
		return false
	}
	return true
}

// scheduleRemoval leaves the container's removal to the server. Usually it has ended; one that was started all the same, by a call
// that was given up or by an admin, is stopped.
func (s *session) scheduleRemoval(ctx context.Context, id string) {
	s.server.scheduleRemoval(ctx, id, s.container.GraceLeft(s.stopGrace), false, s.logger)
}

// removeEnded looks after what is left of a task whose end the executor has reported already. A container that is there is not
// started any more.
func (s *session) removeEnded(ctx context.Context) {
	switch id := s.attach.State.ContainerID; {
	case !s.awaitDone(ctx):
	case id == "":
		s.container.MayAppear()
		s.container.Abandon()
	default:
		s.scheduleRemoval(ctx, id)
	}
}
