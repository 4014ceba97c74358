package containerizer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/cni"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/internal/transport"
)

// attachTimeout bounds how long a new connection may take to say who it is.
const attachTimeout = 30 * time.Second

// Options of a Server. Durations of zero mean zero, not a default.
type Options struct {
	Engine     *engine.Client
	Images     *image.Puller
	Parameters runspec.ParameterParser

	// RunDirectory gives the server its identity; only one server may use it at a time.
	RunDirectory string

	// Refusal, if not empty, is why no DOCKER task is accepted on this host.
	Refusal string

	// Policy checks every task before anything is done for it. Nil is a policy without any rule set.
	Policy *policy.Policy

	// GPUs is the book of who has which GPU of the host. Nil is a book of the server's own.
	GPUs *gpu.Book

	// OtherUsers lets executors attach that do not run as root. Their word is a task's: see Policy, and WorkDirectory, which is the
	// agent's and below which their sandboxes must lie.
	OtherUsers    bool
	WorkDirectory string

	// PrepareTimeout bounds pull, create and start of one task together. PrepareSource says where it was set, for people.
	PrepareTimeout time.Duration
	PrepareSource  string

	// ProgressInterval is the least time between two reports of a task's preparation to its framework; 0 for none at all. See
	// SetProgressInterval.
	ProgressInterval time.Duration

	// OrphanGrace is how long a container may be without its executor where it cannot be seen whether that lives.
	OrphanGrace time.Duration

	// KillOrphans has containers stopped whose executor has died while the server was away.
	KillOrphans bool

	// StopTimeout is the least time an orphan is given to stop.
	StopTimeout time.Duration

	// RemoveDelay is how long after its end a container is kept on the drop-in route.
	RemoveDelay time.Duration

	// KeepAtStart is how long after its start the server removes no container that agents take for theirs: an earlier daemon may
	// have told an agent of them. See KeepContainers.
	KeepAtStart time.Duration

	// MappedDirectory is where containers see their sandbox, unless their executor says otherwise.
	MappedDirectory string

	CgroupsEnableCFS bool

	// UsernsSandbox lets the root of containers write to the sandbox where the Engine remaps it, and UsernsHost has tasks that need
	// more than the Engine gives to remapped users run with those of the host.
	UsernsSandbox, UsernsHost bool

	// BelowExecutor puts containers of custom executors below the control group that the agent has made for their executor.
	BelowExecutor bool

	// CNIConfigurations and CNIPlugins are directories of networks that tasks may name, where the agent does not give others to the
	// executor. What was joined is kept in the StateDirectory, which has to outlive a restart of the host.
	CNIConfigurations, CNIPlugins []string
	StateDirectory                string

	// HonorCommandUser makes CommandInfo.user the user in the container.
	HonorCommandUser bool

	DefaultContainerDNS *agentflag.ContainerDNS
	LogDriver           string
	LogOpts             map[string]string

	// Records keep what becomes of tasks. Nil for a server whose tasks nobody asks about afterwards.
	Records *record.Store

	// Metrics are told what happens, and belong to one server. Nil is for those who do not want to know.
	Metrics *metrics.Metrics

	Logger *zap.Logger
}

// Server accepts executors and runs their tasks.
type Server struct {
	options  Options
	engine   *engine.Client
	instance *instance
	watch    *watch
	late     *container.LateRemovals
	hold     *container.RemovalHold
	turns    turns
	networks *cni.Book
	leaving  sync.Mutex // held while leaveForgotten does its work
	events   events
	files    openFiles
	frames   *transport.Budget // of peers that are not trusted

	recovered chan struct{} // closed when the containers of an earlier server are known

	group    sync.WaitGroup // every goroutine of the server
	removing sync.Map       // ids of containers in removeWhenDue
	removed  sync.Map       // whether they are gone, by the ids of those that have left it since the last list was asked for, which may show them
	watched  sync.Map       // ids of containers in watchOrphan
	behind   atomic.Int64   // containers in removeWhenDue of which a step has failed

	root atomic.Pointer[string] // the Engine's directory, nil until it has said that

	scanInterval time.Duration // the constant, but in tests
	lostExit     time.Duration // lostExitTimeout, but in tests
	stoppedExit  time.Duration // stoppedExitTimeout, but in tests
	progress     atomic.Int64  // Options.ProgressInterval, which can change

	mu       sync.Mutex          // guards what follows
	sessions map[string]*session // by executor process and ids, see sessionKey
	named    map[string]*session // by container name, once it is known

	asking  chan struct{} // held by who asks for, or reads, what follows
	info    *engine.Info  // nil until the Engine has said it
	infoGen int           // the watch's generation in which it did
}

// New claims the run directory. The error wraps ErrRunDirectoryInUse when another server has it. The Engine need not be there.
func New(o Options) (*Server, error) {
	if o.Policy == nil {
		open, err := policy.New(policy.Options{})
		if err != nil {
			return nil, err
		}
		o.Policy = open
	}
	if o.GPUs == nil {
		o.GPUs = gpu.NewBook(o.Engine, gpu.Driver, o.Logger)
	}
	if o.Metrics == nil {
		o.Metrics = metrics.New("")
	}
	files, err := limitOfOpenFiles()
	if err != nil {
		return nil, err
	}
	i, err := claim(o.RunDirectory)
	if err != nil {
		return nil, err
	}
	hold := &container.RemovalHold{}
	hold.Extend(time.Now().Add(o.KeepAtStart))
	late := container.NewLateRemovals(o.Engine, hold, o.Logger)
	s := &Server{
		options: o, engine: o.Engine, instance: i, late: late, hold: hold,
		watch:     newWatch(o.Engine, i.id, late, o.Logger),
		recovered: make(chan struct{}),
		asking:    make(chan struct{}, 1),
		sessions:  map[string]*session{},
		named:     map[string]*session{},
		files:     files,
		networks:  cni.NewBook(filepath.Join(o.StateDirectory, "cni"), o.Logger),
		frames:    transport.NewBudget(foreignFrames),

		scanInterval: scanInterval, lostExit: lostExitTimeout, stoppedExit: stoppedExitTimeout,
	}
	s.SetProgressInterval(o.ProgressInterval)
	o.Metrics.Ask(s.state, s.isRecovered)
	return s, nil
}

// Serve accepts executors on the listener until ctx ends, and then closes it and lets go of every container without touching
// it. It returns when nothing of the server is left running. A Server serves once.
func (s *Server) Serve(ctx context.Context, listener *net.UnixListener) error {
	defer s.instance.release()
	ctx, cancel := context.WithCancel(ctx)
	defer s.group.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()

	s.files.log(s.options.Logger)
	s.group.Go(func() { s.options.Records.Run(ctx) })
	s.group.Go(func() { s.watch.run(ctx) })
	s.group.Go(func() { s.late.Run(ctx) })
	s.group.Go(func() { s.recover(ctx) })
	for {
		conn, err := listener.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept executors: %w", err)
		}
		if err != nil { // out of descriptors, for instance: it may pass
			s.options.Logger.Error("cannot accept an executor", zap.Error(err))
			_ = container.Pause(ctx, time.Second) // the next accept sees the end of ctx
			continue
		}
		s.group.Go(func() { s.greet(ctx, conn) })
	}
}

// Options are what the server was made with.
func (s *Server) Options() Options { return s.options }

// SetProgressInterval changes Options.ProgressInterval for tasks that are launched from now on.
func (s *Server) SetProgressInterval(d time.Duration) { s.progress.Store(int64(d)) }

// Recovered is closed when the containers of an earlier server on the same run directory are known.
func (s *Server) Recovered() <-chan struct{} { return s.recovered }

// greet reads who attaches, finds or opens the session, and serves the connection until it ends.
func (s *Server) greet(ctx context.Context, unix *net.UnixConn) {
	conn := wire.NewConn(unix)
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	session, attach, err := s.admit(ctx, conn, unix)
	if err != nil {
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, io.EOF): // a look whether the daemon is there
			s.options.Logger.Debug("a connection ended before it began")
		default:
			s.options.Logger.Warn("refused an executor", zap.Error(err))
		}
		conn.Send(wire.Message{Refused: &wire.Refused{Reason: err.Error(), Permanent: errors.Is(err, errUnacceptable)}}, nil)
		return
	}
	session.serve(conn, attach)
}

// errUnacceptable marks a refusal that will be the same next time.
var errUnacceptable = errors.New("unacceptable")

// admit says whose connection it is.
func (s *Server) admit(ctx context.Context, conn *wire.Conn, unix *net.UnixConn) (*session, *wire.Attach, error) {
	peer, err := s.identify(unix)
	if err != nil {
		return nil, nil, err
	}
	if peer.user != nil {
		conn.Restrict(foreignFrame, s.frames)
	}
	conn.SetReadDeadline(time.Now().Add(attachTimeout))
	first, _, err := conn.Receive()
	if errors.Is(err, transport.ErrFrameTooLarge) && peer.user != nil {
		err = fmt.Errorf("an executor that does not run as root, with its task: %w", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("process %d: %w", peer.PID, err)
	}
	conn.SetReadDeadline(time.Time{})
	if err = acceptable(first.Attach); err == nil {
		err = s.vouch(first.Attach, peer)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("process %d: %w: %w", peer.PID, errUnacceptable, err)
	}
	session, err := s.session(ctx, first.Attach, peer)
	return session, first.Attach, err
}

// acceptable checks what an attach must say.
func acceptable(a *wire.Attach) error {
	switch {
	case a == nil:
		return errors.New("the first message must be attach")
	case a.Version < 1 || a.Version > wire.Version:
		return fmt.Errorf("this daemon speaks wire versions 1 to %d, the executor %d: upgrade the daemon first", wire.Version, a.Version)
	case a.Route != wire.RouteDropIn && a.Route != wire.RouteCustom && a.Route != wire.RouteLocal:
		return fmt.Errorf("unknown route %q", a.Route)
	case a.Framework == "" || a.Executor == "" || a.Sandbox == "":
		return errors.New("attach must name framework, executor and sandbox")
	case a.Route == wire.RouteDropIn && a.ContainerName == "":
		return errors.New("the drop-in route needs the container's name")
	}
	return nil
}

// sessionKey names the session of one executor process.
func sessionKey(a *wire.Attach, p peer) string {
	return fmt.Sprintf("%q %q %d %d %d", a.Framework, a.Executor, p.PID, p.StartTime, p.uid)
}

// session finds the executor's session or opens one.
func (s *Server) session(ctx context.Context, a *wire.Attach, p peer) (*session, error) {
	key := sessionKey(a, p)
	of, process, err := s.openSession(key, a, p)
	if err != nil || process == nil {
		return of, err
	}
	if a.State != nil { // before run begins, so that it starts nothing that was killed; without the lock, for it reads the task's record
		of.catchUp(a.State)
	}
	s.group.Go(func() {
		defer process.Close()
		of.run(ctx, process)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, key)
		if s.named[of.name] == of {
			delete(s.named, of.name)
		}
	})
	return of, nil
}

// openSession returns the session of a key. The process, which the caller closes, comes with a new one alone.
func (s *Server) openSession(key string, a *wire.Attach, p peer) (*session, *pidfd.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.sessions[key]; found != nil {
		return found, nil, nil
	}
	if err := s.files.admit(a, len(s.sessions)); err != nil {
		return nil, nil, err
	}
	process, err := pidfd.Open(p.Process)
	if err != nil {
		return nil, nil, err
	}
	s.sessions[key] = newSession(s, a, p)
	return s.sessions[key], process, nil
}

// enlist makes a session known by its task and its container's name. It fails when another live session has the name.
func (s *Server) enlist(by *session, task, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	by.task = task
	if other := s.named[name]; other != nil && other != by {
		return fmt.Errorf("container name %s is in use by task %s", name, other.task)
	}
	by.name = name
	s.named[name] = by
	return nil
}

// KeepContainers has no container removed by the server until a time if agents take it for theirs by its name. What others remove
// is not its business.
func (s *Server) KeepContainers(until time.Time) { s.hold.Extend(until) }

// claimed tells whether a live session has the container's name.
func (s *Server) claimed(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named[name] != nil
}

// engineInfo is what the Engine says of itself. It is asked once, and again when it may have been replaced.
func (s *Server) engineInfo(ctx context.Context) (engine.Info, error) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return engine.Info{}, ctx.Err()
	}
	generation := s.watch.generation()
	if s.info == nil || s.infoGen != generation {
		info, err := s.engine.Info(ctx)
		if err != nil {
			return engine.Info{}, err
		}
		s.info, s.infoGen = &info, generation
		s.root.Store(&info.RootDirectory)
	}
	return *s.info, nil
}
