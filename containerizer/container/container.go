package container

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
)

// Owner is what a container is run for.
type Owner interface {
	// Owns reports whether a container with this name and these labels was created for the owner. It is called from several
	// goroutines. A leading slash of the name, with which the Engine writes names, does not count.
	Owns(name string, labels map[string]string) bool

	// Output takes over a connection to the container's output, which the owner closes. An error ends the verb that offered it.
	Output(stream *os.File, kind Stream) error
}

// Stream says what comes on a connection to a container's output: Docker's multiplexed format, unless TTY is true.
type Stream struct {
	TTY     bool
	Resumed bool // it continues an earlier one, and may repeat the end of it

	// Past is nil for a stream that goes on until the container's end, and From is then where in the Engine's log it begins, zero for
	// the beginning. Both are for owners that count (OutputEnd.Position).
	Past *Past
	From time.Time

	After int // Position.Ends of the end after which it goes on; zero for the first stream

	Lost string // why output is missing before it; empty if none is
}

// Past says that a stream is what the Engine's log has up to a time, zero for all of it. A log of less than Whole bytes, with 128
// counted for each record, has lost nothing by rotation. Whole is zero if that cannot be told, and negative for a log that never
// loses anything.
type Past struct {
	Until time.Time
	Whole int64
}

// Options of a Container.
type Options struct {
	Engine *engine.Client
	Owner  Owner
	Name   string
	Late   *LateRemovals
	Logger *zap.Logger

	// Patience bounds how long an Engine that does not answer is asked again before the start. Zero leaves that to the context.
	// After the start only the context counts: a container that may run is not given up.
	Patience time.Duration

	// Abandoned reports whether another container that has this name may be removed. Nil for never.
	Abandoned func(*engine.Container) bool

	// Losses counts how often the Engine went away, for an owner that calls Look for each event of the container. Nil for one that
	// hears of no events: then the Engine is asked for the end with a call that waits.
	Losses func() int

	// LostAt is when the Engine went away for the n-th time, from 0. Nil for an owner without Position in its OutputEnd.
	LostAt func(n int) time.Time

	// LostExit is how long an Engine that answers may take to report the end of a container whose process is gone. Zero for ever.
	LostExit time.Duration

	// StoppedExit is the same for a container that was to be stopped, from its end on or from the stop's deadline on, whichever is first,
	// and also for an Engine that does not answer. It is not used without LostExit.
	StoppedExit time.Duration

	// StopGrace is what is left between stop signal and SIGKILL to a container that the Engine does not know any more.
	StopGrace time.Duration

	// Trusted says that the id given to FindByID is certainly that of the owner's container, so that its processes may be stopped
	// where the Engine does not tell whose it is.
	Trusted bool

	// Gone is called by Wait when the container's process has ended, of which the Engine has yet to tell. Nil for an owner that need
	// not know.
	Gone func()

	// WholeOutput has Wait wait for the end of the owner's output, of which OutputEnded tells.
	WholeOutput bool

	// OutputLost is called once if the rest of the output cannot be had. Nil is for the log.
	OutputLost func(error)

	// StopSent is called when the stop signal of an order was sent. Nil for an owner that need not know.
	StopSent func(StopOrder)

	// Removed is called for each container that was removed. Nil for an owner that does not count.
	Removed func()
}

// Container is one container of the Engine. Its verbs are called by one goroutine, one after the other, but for those that say
// otherwise.
type Container struct {
	options   Options
	id        string
	tty       bool
	mayAppear bool // a create was asked for, and how that ended is not known
	claimed   bool // the id is the word of FindByID's caller, and was not looked at
	networks  int  // that it was created with; of one that an earlier daemon has created, at least
	inherited inherited

	looks   chan struct{} // buffered: Wait is to look at the container
	process atomic.Pointer[pidfd.Process]
	output  output
	stop    stop
	silent  atomic.Bool // the Engine did not answer over the last signal
}

// Errors of the verbs.
var (
	// ErrStopped says that the container was not started because its stop was ordered.
	ErrStopped = errors.New("killed before the container was started")

	// ErrVanished says that a container that had been created is not there any more.
	ErrVanished = errors.New("the container was removed, and not by this daemon")

	// ErrRestarted says that a container runs a second time, or has. How it ended before is not known.
	ErrRestarted = errors.New("the container ended and was started again, and not by this daemon, as by docker restart; how it ended is not known")
)

// NameInUseError says that another container has the name. It wraps what the Engine said to the create.
type NameInUseError struct {
	Name, ID string
	err      error
}

func (e *NameInUseError) Error() string {
	return fmt.Sprintf("container name %s is in use by container %s, which is not this task's", e.Name, e.ID)
}

func (e *NameInUseError) Unwrap() error { return e.err }

// New returns a Container of which the Engine knows nothing yet.
func New(o Options) *Container {
	if o.Removed == nil {
		o.Removed = func() {}
	}
	if o.OutputLost == nil {
		o.OutputLost = func(err error) { o.Logger.Warn("the rest of the output cannot be had", zap.Error(err)) }
	}
	c := &Container{options: o, looks: make(chan struct{}, 1)}
	c.output.open = true // the first stream comes with AttachOutput, or was handed over by an earlier daemon
	c.output.losses = c.losses()
	c.output.opened = c.output.losses
	c.stop.changed, c.stop.ordered = make(chan struct{}), make(chan struct{})
	return c
}

// Name is the container's name.
func (c *Container) Name() string { return c.options.Name }

// ID is the container's id, or the reference by which it was looked for. It is empty while there is no container.
func (c *Container) ID() string { return c.id }

// take makes a container that was found the one of c.
func (c *Container) take(found *engine.Container) {
	c.id, c.tty, c.mayAppear, c.claimed = found.ID, found.Config.Tty, false, false
	c.networks = networksOf(found)
}

func (c *Container) owns(found *engine.Container) bool {
	return c.options.Owner.Owns(found.Name, found.Config.Labels)
}

// shortestID is how much of a container's id is taken for it: what docker shows.
const shortestID = 12

// MatchesID reports whether a reference is an id or its beginning.
func MatchesID(id, reference string) bool {
	return len(reference) >= shortestID && strings.HasPrefix(id, reference)
}

// CreatedAt is when the Engine created the container; zero if that cannot be read.
func CreatedAt(c *engine.Container) time.Time { return engineTime(c.Created) }

// StartedAt is zero for a container that was never started.
func StartedAt(c *engine.Container) time.Time { return engineTime(c.State.StartedAt) }

// FinishedAt is zero for a container that has not ended.
func FinishedAt(c *engine.Container) time.Time { return engineTime(c.State.FinishedAt) }

// engineTime reads a time of the Engine's. What cannot be read is zero, and so is the Engine's "0001-01-01T00:00:00Z".
func engineTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
