package containerizer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/executor/wire"
)

// Why the preparation of a task was given up.
var (
	errExecutorGone = errors.New("the executor has died")
)

// session is one executor and its task. run is the task from top to bottom; serve feeds it what the executor says.
type session struct {
	server   *Server
	attach   wire.Attach // as first received
	executor wire.Process
	user     *policy.User // of the executor, nil if it is trusted
	logger   *zap.Logger

	launch chan wire.Launch // buffered: there is one
	stop   *container.StopOrder
	wake   chan struct{} // buffered: look at the container
	done   chan struct{} // closed when the executor needs nothing any more

	ending   atomic.Pointer[ending] // nil while no container is known to run
	attached atomic.Bool            // the executor has a connection: for those who must not wait for mu, under which it is sent to

	at phase // for admins and for the message of a task that does not get further

	// Set by enlist, under the server's lock, and read-only from then on.
	task string
	name string

	// Of run alone.
	container *container.Container // from enlist on
	note      string               // about the pull, for the task's user; empty for none
	probes    probes               // what is probed while the container runs
	probing   sync.WaitGroup       // as long as it is
	gone      <-chan struct{}      // closed when the executor's process has died
	unwatch   func()

	mu     sync.Mutex     // guards what follows
	conn   *wire.Conn     // nil while the executor is away; see talk
	said   []wire.Message // what holds, for an executor that attaches again: see say
	resume *wire.Resume   // an output stream is wanted
	opened int            // watch.lost when the executor's output stream was opened; -1 if it has certainly lost that
	isDone bool
}

func newSession(s *Server, a *wire.Attach, p wire.Process) *session {
	opened := &session{
		server: s, attach: *a, executor: p,
		logger:  s.Logger.With(zap.String("framework", a.Framework), zap.String("executor", a.Executor)),
		launch:  make(chan wire.Launch, 1),
		stop:    container.NewStopOrder(),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		unwatch: func() {},
		opened:  s.watch.lost(),
	}
	if a.State != nil { // before run begins, so that it starts nothing that was killed
		opened.catchUp(a.State)
	}
	return opened
}

// run takes the task from its launch to the removal of its container, or ends with ctx, or with an executor that dies without
// having launched anything.
func (s *session) run(ctx context.Context, executor *handle) {
	gone, cancel := executor.gone(ctx)
	defer cancel()
	s.gone = gone
	defer s.hangUp()
	defer func() { s.unwatch() }()
	defer s.probing.Wait()

	launch, ok := s.awaitLaunch(ctx)
	if !ok {
		return
	}
	if launch.StopGrace > 0 {
		s.attach.StopGrace = launch.StopGrace
	}
	s.logger = s.logger.With(zap.String("task", launch.Task))
	if err := s.server.enlist(s, launch.Task, containerName(&s.attach, launch.Task, s.executor)); err != nil {
		s.countLaunch(time.Now(), err)
		s.conclude(ctx, s.failure(err))
		return
	}
	s.container = container.New(container.Options{
		Engine: s.server.engine, Owner: s, Name: s.name, Late: s.server.late, Logger: s.logger, Stop: s.stop,
		Abandoned: s.server.abandoned, Removed: s.server.Metrics.ContainerRemoved,
	})
	if state := s.attach.State; state != nil && state.Exited {
		s.at.enter(metrics.TaskEnded, "ended, its update is sent")
		s.retireEnded(ctx)
		return
	}
	if s.attach.State == nil {
		s.logger.Info("task launched")
	} else {
		s.logger.Info("task taken up again")
	}

	exit := s.runTask(ctx, launch)
	if ctx.Err() != nil {
		return // the next daemon goes on from here
	}
	s.conclude(ctx, exit)
}

// awaitLaunch waits for the task. An executor that attaches again has brought it along.
func (s *session) awaitLaunch(ctx context.Context) (wire.Launch, bool) {
	select {
	case launch := <-s.launch:
		return launch, true
	case <-s.gone:
	case <-ctx.Done():
	}
	return wire.Launch{}, false
}

// runTask returns how the task ended.
func (s *session) runTask(ctx context.Context, launch wire.Launch) wire.Exited {
	began := time.Now()
	prepared, err := s.prepare(ctx, launch)
	if ctx.Err() == nil {
		s.countLaunch(began, err)
	}
	if err != nil {
		return s.failure(err)
	}
	defer s.announce(prepared.ID)(ctx) // before anybody can know that it runs
	running := s.reportRunning(prepared)
	s.at.enter(metrics.TaskRunning, "running")
	s.logger.Info("container runs", zap.String("container", prepared.ID), zap.String("image", prepared.Config.Image))

	exited, cancel := context.WithCancel(ctx)
	var enforcer sync.WaitGroup
	process, err := openContainerProcess(prepared.State.Pid, prepared.ID)
	if running && err != nil {
		s.logger.Debug("the container's process cannot be watched", zap.Error(err))
	}
	enforcer.Go(func() { s.enforce(exited, prepared, process) })
	enforcer.Go(func() { s.stopWithExecutor(exited) })
	if running {
		s.probe(exited, prepared)
	}
	processGone, unwatch := process.gone(exited)
	if running && errors.Is(err, os.ErrNotExist) && seesEveryProcess() {
		processGone = closed // before we came to look
	}
	exit := s.awaitExit(ctx, prepared, processGone)
	cancel()
	enforcer.Wait()
	unwatch()
	process.close()
	return exit
}

// closed is a channel that is closed.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// stopWithExecutor takes the executor's death for the order to stop the container.
func (s *session) stopWithExecutor(ctx context.Context) {
	select {
	case <-s.gone:
		s.logger.Warn("the executor has died; stopping its container")
		s.server.Metrics.OrphanStopped()
		s.stop.AtLatest(time.Now().Add(s.attach.StopGrace))
	case <-ctx.Done():
	}
}

// conclude reports the outcome and has the container removed once nobody needs it any more.
func (s *session) conclude(ctx context.Context, exit wire.Exited) {
	s.logger.Info("task ended", zap.String("outcome", string(exit.Outcome)), zap.Int("status", exit.Code),
		zap.Bool("oom", exit.OOM), zap.String("message", exit.Message))
	s.countEnd(exit)
	s.at.enter(metrics.TaskEnded, fmt.Sprintf("ended (%s, status %d), its update is on the way", exit.Outcome, exit.Code))
	s.say(wire.Message{Exited: &exit})
	if s.awaitDone(ctx) && s.container != nil && s.container.ID() != "" {
		s.retire(ctx, s.container.ID())
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

// retire leaves the container's removal to the server. Usually it has ended; one that was started all the same, by a call that
// was given up or by an admin, is stopped.
func (s *session) retire(ctx context.Context, id string) {
	grace := s.attach.StopGrace
	if deadline, _ := s.stop.Current(); !deadline.IsZero() {
		grace = max(0, time.Until(deadline))
	}
	s.server.retire(ctx, id, grace, s.logger)
}

// retireEnded looks after what is left of a task whose end the executor has reported already. Whatever container there is, it is
// not started any more.
func (s *session) retireEnded(ctx context.Context) {
	switch id := s.attach.State.ContainerID; {
	case !s.awaitDone(ctx):
	case id == "":
		s.container.MayAppear()
		s.container.Abandon()
	default:
		s.retire(ctx, id)
	}
}

// serve takes over a connection of the session's executor until it ends. The executor is told again all that holds.
func (s *session) serve(conn *wire.Conn, attach *wire.Attach) {
	s.mu.Lock()
	if s.conn != nil {
		s.conn.Close() // the executor has a new one
	}
	s.talk(conn)
	for _, m := range s.said {
		if err := conn.Send(m, nil); err != nil {
			break
		}
	}
	s.mu.Unlock()
	if attach.State != nil {
		s.catchUp(attach.State)
	}
	for {
		m, file, err := conn.Receive()
		if file != nil {
			file.Close()
		}
		if err != nil {
			s.mu.Lock()
			if s.conn == conn {
				s.talk(nil)
			}
			s.mu.Unlock()
			return
		}
		s.take(m)
	}
}

// talk sets the connection. It needs s.mu.
func (s *session) talk(conn *wire.Conn) {
	s.conn = conn
	s.attached.Store(conn != nil)
}

// catchUp takes what the executor said while it was not connected.
func (s *session) catchUp(state *wire.State) {
	s.take(wire.Message{Launch: &state.Launch})
	if state.Kill != nil {
		s.take(wire.Message{Kill: state.Kill})
	}
	if !state.HasOutput && !state.Exited {
		s.wantOutput(&wire.Resume{Since: state.OutputSince, Ended: state.OutputEnded, Broken: true})
	}
}

func (s *session) take(m wire.Message) {
	switch {
	case m.Launch != nil:
		select {
		case s.launch <- *m.Launch:
		default: // it is known already
		}
	case m.Kill != nil:
		if deadline, _ := s.stop.Current(); deadline.IsZero() || !deadline.Equal(m.Kill.Deadline) {
			s.stop.Order(m.Kill.Deadline)
		}
	case m.Resume != nil:
		s.wantOutput(m.Resume)
	case m.Done != nil:
		s.mu.Lock()
		if !s.isDone {
			s.isDone = true
			close(s.done)
		}
		s.mu.Unlock()
	}
}

func (s *session) wantOutput(r *wire.Resume) {
	s.mu.Lock()
	s.resume = r
	if r.Broken {
		s.opened = -1
	}
	s.mu.Unlock()
	s.wakeUp()
}

// Output implements container.Owner: the output is the executor's, which holds no other stream that counts from now on.
func (s *session) Output(stream *os.File, kind container.Stream) error {
	defer stream.Close()
	s.mu.Lock()
	s.resume = nil
	s.mu.Unlock()
	s.mention(wire.Message{Output: &wire.Output{TTY: kind.TTY, Resumed: kind.Resumed}}, stream)
	return nil
}

func (s *session) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// say tells the executor something that holds from now on; one that attaches again is told again.
func (s *session) say(m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, m)
	s.send(m, nil)
}

// mention tells the executor something that may be dropped, or comes with a file that cannot be sent twice.
func (s *session) mention(m wire.Message, file *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send(m, file)
}

// send needs s.mu.
func (s *session) send(m wire.Message, file *os.File) {
	if s.conn == nil {
		return
	}
	if err := s.conn.Send(m, file); err != nil {
		s.conn.Close() // serve notices
		s.talk(nil)
	}
}

func (s *session) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.talk(nil)
	}
}
