// Package dockercli answers the docker command of a Mesos agent: the few commands that agents and the frameworks' own scripts
// issue (contract 1.8), carried out by the daemon on its own connection to the Engine, with deadlines. The process that
// the agent starts, cmd/mesos-docker-cli, only hands over its arguments and its streams.
//
// What agents parse is answered byte for byte as docker answers it; what they do not, in docker's manner. Anything that is not
// supported is refused by name, with the status that docker has for a wrong command line.
//
// # Caveats
//
//   - Commands act on every container of the Engine, not only on ours: an agent's recovery looks at all of them.
//   - An agent that recovers ends if it cannot inspect a container that `ps -a` named. So containers that were listed are remembered
//     for a time (inspectcache.go), and answered for though they are gone.
package dockercli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
)

// Exit statuses of docker.
const (
	statusOK     = 0
	statusFailed = 1   // the Engine refused, or there is no such object
	statusUsage  = 125 // run and exec: docker itself failed; other commands: the command line is wrong
)

// Call is one docker command as its client was started with it. The client owns the streams.
type Call struct {
	// Arguments begin with the name of the command; docker's global options, such as -H, are left out.
	Arguments []string

	// Home is the caller's HOME, below which docker looks for registry credentials; empty if it has none. It is input of the
	// caller, and so may be a task's sandbox.
	Home string

	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Signals are those that the client of a run gets while the command runs: what to do with them is the command's. The client
	// of any other command ends by them itself, with status 128+N, and so ends the command's context.
	Signals <-chan syscall.Signal

	Terminal Terminal

	// ID is the call's own, made up by its client at random, and the same when a run is asked for again. Empty for a client that
	// does not ask again.
	ID string

	// Again is what the client of a run knows from an earlier daemon, nil for a call that is new.
	Again *protocol.Again

	// Client is that of a run.
	Client RunClient
}

// RunClient is the client of a run, which outlives the daemon: it has the container's output in its own hands, and asks the
// next daemon for the rest. Its methods are called by one goroutine at a time, but for SignalTaken. Their errors mean that the
// client is gone.
type RunClient interface {
	// Created tells of the container, once that is there.
	Created(protocol.Container) error

	// Output hands over a connection to the container's output. The caller keeps its own and closes it.
	Output(protocol.Output, *os.File) error

	// OutputEnds yields the end of each connection that was handed over, here or by an earlier daemon.
	OutputEnds() <-chan protocol.OutputEnd

	// SignalTaken says that nothing more will be done about a signal: the client need not send it again.
	SignalTaken(syscall.Signal)
}

// Terminal is what the client's streams are connected to.
type Terminal struct {
	// Stdin and Stdout say which of the two are terminals.
	Stdin, Stdout bool

	// Sizes yields the terminal's size at once, and then the newest after each change; nothing without a terminal.
	Sizes <-chan protocol.Size

	// Raw puts the terminal at stdin into raw mode until the command ends. It is not called without one.
	Raw func() error
}

// Options of a Docker.
type Options struct {
	Engine *engine.Client
	Images *image.Puller
	Tasks  Tasks // nil for none
	Logger *zap.Logger

	// Policy judges the containers of run and the images of pull, since it is frameworks that ask for them. Nil allows all.
	Policy *policy.Policy

	// Parameters reads the command line of run. Without it run is refused.
	Parameters CommandLineParser

	// DeferPull answers a pull when it has begun: the executor waits for its end, not the agent.
	DeferPull bool

	// PullDirectory is where pulls that were deferred are noted for the next daemon. It is created if it is needed; empty for
	// nowhere.
	PullDirectory string

	// RegistrationTimeout is how long executors have until they register. Zero is the agent's default.
	RegistrationTimeout time.Duration

	// WorkDirectory is the agent's, below which sandboxes lie; empty if it is not known.
	WorkDirectory string
}

// Docker answers docker commands. It is safe for concurrent use.
type Docker struct {
	options  Options
	inspects inspectCache
	patience time.Duration // answerLimit
	hold     container.RemovalHold
	late     *container.LateRemovals
	rootHome string
	deferred *deferrals

	life       context.Context // of what goes on after an answer
	end        context.CancelFunc
	background sync.WaitGroup
	lasting    sync.WaitGroup // what ends with life alone
}

// New returns a Docker that owns none of what it is given. It must be closed.
func New(o Options) *Docker {
	if o.Tasks == nil {
		o.Tasks = noTasks{}
	}
	d := &Docker{options: o, patience: answerLimit, rootHome: homeOfRoot()}
	d.deferred = newDeferrals(o.DeferPull, o.RegistrationTimeout, o.PullDirectory, o.Logger)
	d.life, d.end = context.WithCancel(context.Background())
	d.late = container.NewLateRemovals(o.Engine, &d.hold, o.Logger)
	d.lasting.Go(func() { d.late.Run(d.life) })
	d.deferred.resume(d.pullForAgent)
	return d
}

// Close gives up the pulls that were deferred and that no executor has joined. No call may be under way.
func (d *Docker) Close() {
	d.end()
	d.background.Wait()
	d.lasting.Wait()
	d.deferred.close()
}

// command carries out one docker command. Its error is what docker would print to stderr, without the end of the line; a
// statusError brings an exit status along, every other error has that of a failure.
type command func(d *Docker, ctx context.Context, call Call) error

// commands are all that are supported, by name.
var commands = map[string]command{
	"exec":    (*Docker).exec,
	"inspect": (*Docker).inspect,
	"kill":    (*Docker).kill,
	"logs":    (*Docker).logs,
	"ps":      (*Docker).ps,
	"pull":    (*Docker).pull,
	"rm":      (*Docker).rm,
	"run":     (*Docker).run,
	"stop":    (*Docker).stop,
	"wait":    (*Docker).wait,
}

// statusError ends a command with an exit status of its own. Its err may be nil, where everything has been said.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// Answer carries out a call and returns docker's exit status for it. It returns when ctx ends, too.
func (d *Docker) Answer(ctx context.Context, call Call) int {
	name := "(none)"
	if len(call.Arguments) > 0 {
		name = call.Arguments[0]
	}
	run, supported := commands[name]
	if !supported {
		fmt.Fprintf(call.Stderr, "docker: the command %q is not supported by mesos-docker-cli, which answers Mesos agents only\n", name)
		return statusUsage
	}
	err := run(d, ctx, call)
	if err == nil {
		return statusOK
	}
	var ended *statusError
	if !errors.As(err, &ended) {
		ended = &statusError{status: statusFailed, err: err}
	}
	if ended.err != nil {
		fmt.Fprintln(call.Stderr, ended.err)
	}
	return ended.status
}
