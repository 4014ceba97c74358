// Package dockercli answers the docker command of Mesos agents: the commands of agents and of frameworks' scripts (contract 1.8),
// run by the daemon on its connection to the Engine, with deadlines. The agent starts cmd/mesos-docker-cli, which passes on its
// arguments and streams.
//
// What agents parse is the same as docker's answer, byte for byte; the rest is similar. Unsupported options are refused by name,
// with docker's status for a wrong command line.
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
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
)

// Exit statuses of docker.
const (
	statusOK     = 0
	statusFailed = 1   // the Engine refused, or there is no such object
	statusUsage  = 125 // run and exec: docker itself failed; other commands: the command line is wrong
)

// Call is one docker command from a client, which owns the streams.
type Call struct {
	// Arguments begin with the name of the command, without docker's global options, such as -H.
	Arguments []string

	// Home is the caller's HOME, where docker looks for registry credentials; empty for none. It may be a task's sandbox and is
	// not trusted.
	Home string

	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Signals are the signals that the client of a run gets. The client of any other command ends by its signals, with status
	// 128+N, and so ends the command's context.
	Signals <-chan syscall.Signal

	Terminal Terminal

	// ID is a random ID from the client, the same when a run is repeated. It is empty for a client that does not repeat its call.
	ID string

	// Again is what the client of a run knows from an earlier daemon, nil for a new call.
	Again *protocol.Again

	// Client is that of a run.
	Client RunClient
}

// RunClient is the client of a run, which outlives the daemon: it has the container's output in its own hands, and asks the
// next daemon for the rest. Its methods are called by one goroutine at a time, but for SignalTaken. Their errors mean that the
// client is gone.
type RunClient interface {
	// Created reports the container after its creation.
	Created(protocol.Container) error

	// Output hands over a connection to the container's output. The caller keeps its own and closes it.
	Output(protocol.Output, *os.File) error

	// OutputEnds yields the end of each connection that was handed over, here or by an earlier daemon.
	OutputEnds() <-chan protocol.OutputEnd

	// SignalTaken reports that a signal is handled: the client need not send it again.
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
	Tasks  Tasks
	Logger *zap.Logger

	// Policy applies to the containers of run and the images of pull, which frameworks choose.
	Policy *policy.Policy

	// GPUs decide which GPUs the containers of run get.
	GPUs *gpu.Book

	// Parameters parses the command line of run.
	Parameters CommandLineParser

	// DeferPull answers a pull when it has started: the executor waits for its end, not the agent.
	DeferPull bool

	// PullDirectory stores deferred pulls for the next daemon. It is created if needed; empty for none.
	PullDirectory string

	// RegistrationTimeout is the agent's executor_registration_timeout. Zero is the agent's default.
	RegistrationTimeout time.Duration

	// WorkDirectory is the agent's work_dir, which has the sandboxes; empty if unknown.
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

	life       context.Context // of work that continues after an answer
	end        context.CancelFunc
	background sync.WaitGroup
	lasting    sync.WaitGroup // what ends with life alone
}

// New returns a Docker that owns none of what it is given. It must be closed.
func New(o Options) *Docker {
	d := &Docker{options: o, patience: answerLimit, rootHome: homeOfRoot()}
	d.deferred = newDeferrals(o.DeferPull, o.RegistrationTimeout, o.PullDirectory, o.Logger)
	d.life, d.end = context.WithCancel(context.Background())
	d.late = container.NewLateRemovals(o.Engine, &d.hold, o.Logger)
	d.lasting.Go(func() { d.late.Run(d.life) })
	d.deferred.resume(d.pullForAgent)
	return d
}

// Close cancels the deferred pulls that no executor has joined. No call may be running.
func (d *Docker) Close() {
	d.end()
	d.background.Wait()
	d.lasting.Wait()
	d.deferred.close()
}

// command runs one docker command. Its error is docker's text on stderr, without the newline; a statusError has its own exit
// status, every other error that of a failure.
type command func(d *Docker, ctx context.Context, call Call) error

// commands are the supported commands by name.
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

// Answer runs a call and returns docker's exit status. It also returns when ctx ends.
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

// Tasks are the daemon's own containers.
type Tasks interface {
	// StopContainer stops the running container of a task with an attached executor, by name or ID: the stop signal now, SIGKILL
	// after the grace, directly if the Engine does not deliver it. It returns when the container has ended, or with ctx. For any
	// other container it returns ours=false at once.
	StopContainer(ctx context.Context, nameOrID string, grace time.Duration) (ours bool, err error)

	// KeepContainers prevents the removal of all containers with agents' names until a time.
	KeepContainers(until time.Time)
}
