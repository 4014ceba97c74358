package container

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
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
}

// Options of a Container.
type Options struct {
	Engine *engine.Client
	Owner  Owner
	Name   string
	Late   *LateRemovals
	Logger *zap.Logger

	// Stop ends the container. Once it is ordered nothing is created or started. Nil for an owner that ends its container by itself.
	Stop *StopOrder

	// Patience bounds how long an Engine that does not answer is asked again before the start. Zero leaves that to the context.
	// After the start only the context counts: a container that may run is not given up.
	Patience time.Duration

	// Abandoned reports whether a container of somebody else's with this name may be removed. Nil for never.
	Abandoned func(*engine.Container) bool

	// Removed is called for each container that was removed. Nil for an owner that does not count.
	Removed func()
}

// Container is one container of the Engine. Its verbs are called by one goroutine, one after the other.
type Container struct {
	Options
	id        string
	tty       bool
	mayAppear bool // a create was asked for, and how that ended is not known
}

// Errors of the verbs.
var (
	// ErrStopped says that the container was not started because its stop was ordered.
	ErrStopped = errors.New("killed before the container was started")

	// ErrVanished says that a container that had been created is not there any more.
	ErrVanished = errors.New("the container has been removed by somebody else")
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
	return &Container{Options: o}
}

// ID is the container's id, or the reference by which it was looked for. It is empty while there is no container.
func (c *Container) ID() string { return c.id }

// take makes a container that was found the one of c.
func (c *Container) take(found *engine.Container) {
	c.id, c.tty, c.mayAppear = found.ID, found.Config.Tty, false
}

func (c *Container) owns(found *engine.Container) bool {
	return c.Owner.Owns(found.Name, found.Config.Labels)
}

// stopped returns ErrStopped once the stop was ordered.
func (c *Container) stopped() error {
	select {
	case <-c.Stop.Ordered():
		return ErrStopped
	default:
		return nil
	}
}

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
