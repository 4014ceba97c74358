// Package localagent is an in-process stand-in for the Mesos agent. It serves the v1 executor HTTP API to many executors and
// starts them as an agent does under the Mesos containerizer. The "run" subcommand uses it in place of a cluster. Tests use it
// because it is as strict as a real agent and has faults on demand.
//
// # How to use it
//
//	agent, err := localagent.New(localagent.Options{WorkDir: dir})
//	defer agent.Close()
//	task, err := agent.Launch(ctx, localagent.LaunchRequest{Path: "/usr/libexec/…/mesos-docker-executor", Task: info})
//	for status := range task.Updates(ctx) { … }
//
// # Where to find what
//
//   - handler.go, call.go, token.go: what is refused, in which order, with which code and text (contract 5.1).
//   - stream.go: the event stream of a subscription.
//   - updates.go: what happens to a status update: completed, stored once, reported once, acknowledged (section 3.6).
//   - launch.go, subscribe.go, environment.go, process.go, fetch.go: an executor's start (sections 1.3 and 1.5) and end (1.6).
//   - kill.go: kills and shutdowns.
//
// No program calls what is in the files fortests*.go, only tests do. It is one state machine with one lock, of which the subcommand
// needs a part, so these files stand here; a test sees to it that no program links them. Events for Agent.Send are in test/agentevent.
//
//   - fortests_restart.go: the agent's own stop, recovery and the window for re-subscription.
//   - fortests_faults.go: misbehaviour on demand.
//   - fortests.go: what tests ask about an agent and its tasks.
//
// # Caveats
//
// All state is in memory: a "restarted" agent remembers what a real one checkpoints, but nothing survives the caller's process. The
// caller is the framework, and an update that Updates yields counts as acknowledged by it. The agent keeps a finished task until its
// executor has exited, so it always acknowledges a repeated terminal update again. It refuses an unknown name for an optional enum
// value in a JSON call, where a real agent ignores that field.
package localagent

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
)

// ErrClosed is the error of a wait that the agent's Close has ended.
var ErrClosed = errors.New("local agent is closed")

// ErrUnknown is the error for a task or an executor that the agent does not have, or no longer has.
var ErrUnknown = errors.New("not known to the local agent")

// ErrRecovering is the error of a request to an agent that is down or has not finished recovery.
var ErrRecovering = errors.New("local agent has not finished recovery")

// Agent is a running stand-in. Its methods are safe for concurrent use. It owns every process it started until Close.
type Agent struct {
	options   Options
	log       *zap.Logger
	info      mesos.AgentInfo
	framework mesos.FrameworkInfo
	secret    []byte // signs the executors' tokens

	background sync.WaitGroup // one per executor, from Launch until it is reaped
	transition sync.Mutex     // serialises Stop, Start and Close

	mu         sync.Mutex // guards all that follows, and every executor, task and stream
	phase      phase
	address    string // "ip:port", the same through all restarts
	servers    []*http.Server
	serving    *sync.WaitGroup // accept loops and calls of the servers
	frameworks map[string]*framework
	orphans    []*executorRun // outlived the agent that knew them
	updates    record[Update]
	window     *time.Timer
	faults     faults
}

// phase is the state of the agent's start. The function handle has the answers in each phase.
type phase int

const (
	running      phase = iota
	down               // nothing listens: connections are refused
	starting           // listens, routes are not installed: 404
	recovering         // routes are installed, the containerizer recovers: 503
	reconnecting       // executors may subscribe again, other calls are answered 503
	closed
)

// framework is one framework with live executors, by executor id.
type framework struct {
	info      mesos.FrameworkInfo
	executors map[string]*executorRun
}

// New starts an agent that listens and has nothing to recover.
func New(options Options) (*Agent, error) {
	if err := options.complete(); err != nil {
		return nil, fmt.Errorf("start local agent: %w", err)
	}
	a := &Agent{
		options:    options,
		log:        options.Logger,
		framework:  *options.Framework,
		secret:     randomBytes(32),
		phase:      running,
		frameworks: make(map[string]*framework),
	}
	if err := a.listen(); err != nil {
		return nil, fmt.Errorf("start local agent: %w", err)
	}
	port, err := strconv.ParseInt(a.port(), 10, 32)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start local agent: port of %s: %w", a.address, err), a.Close())
	}
	a.info = mesos.AgentInfo{
		Hostname:  options.Hostname,
		Port:      new(int32(port)),
		Resources: options.Resources,
		ID:        &mesos.AgentID{Value: options.AgentID},
	}
	return a, nil
}

// Close destroys every executor, stops listening, and waits until no process, goroutine or open connection of the agent is left.
// Tasks that had not ended get no further update; a wait for one fails with ErrClosed. Sandboxes stay.
func (a *Agent) Close() error {
	a.transition.Lock()
	defer a.transition.Unlock()

	a.mu.Lock()
	a.phase = closed
	if a.window != nil {
		a.window.Stop()
	}
	for _, e := range a.all() {
		e.stopTimer()
		e.destroy()
		for _, t := range e.order {
			t.updates.end()
		}
	}
	for _, e := range a.orphans {
		e.destroy()
	}
	a.orphans = nil
	a.updates.end()
	a.mu.Unlock()

	err := a.hangUp(true)
	a.background.Wait()
	return err
}

// all lists the live executors. The caller holds mu.
func (a *Agent) all() []*executorRun {
	var runs []*executorRun
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			runs = append(runs, e)
		}
	}
	return runs
}

// task finds a task of a live executor by its id. The caller holds mu.
func (a *Agent) task(id string) (*executorRun, *Task, error) {
	for _, e := range a.all() {
		if t, ok := e.tasks[id]; ok {
			return e, t, nil
		}
	}
	return nil, nil, fmt.Errorf("task %q: %w", id, ErrUnknown)
}
