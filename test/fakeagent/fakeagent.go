// Package fakeagent is a stand-in for a Mesos agent as an executor of its docker containerizer meets it: libprocess messages
// over TCP (contract 5.2). It is test support, and strict: a message that an agent would drop or answer with a shutdown
// is a violation, which Violations tells, and so is an update that comes out of order.
//
//	a, err := fakeagent.New(fakeagent.Options{…})
//	// start an executor with a.Environ(true, sandbox)
//	a.Launch(task)
//	status, err := a.Await(ctx, mesos.TASK_RUNNING)
//	a.Stop(); a.Start(true); a.Reconnect()   // a restart, on another port
//	a.Stop()
//
// Its protocol code shares nothing with the executor's.
package fakeagent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"
)

// Options of an Agent. The ids and IP have defaults.
type Options struct {
	FrameworkID, ExecutorID, AgentID string

	Framework mesos.FrameworkInfo
	Executor  mesos.ExecutorInfo

	IP   string // where it listens; 127.0.0.1
	Port string // and at first; any that is free. An agent that is to come back there needs one that nobody is given meanwhile.

	// Old makes it speak as agents 0.20 and 0.21: HTTP/1.0 with chunks, neither Host nor Libprocess-From, and no answers.
	Old bool

	// RetriesReconnect is --executor_reregistration_retry_interval: a re-registration too many is not answered by a shutdown.
	RetriesReconnect bool

	// Server and Client make it speak TLS.
	Server, Client *tls.Config
}

func (o Options) completed() Options {
	for field, value := range map[*string]string{
		&o.FrameworkID: "framework", &o.ExecutorID: "executor", &o.AgentID: "agent-S0", &o.IP: "127.0.0.1",
		&o.Framework.Name: "marathon", &o.Framework.User: "root",
	} {
		if *field == "" {
			*field = value
		}
	}
	o.Framework.ID = &mesos.FrameworkID{Value: o.FrameworkID}
	o.Executor.ExecutorID = mesos.ExecutorID{Value: o.ExecutorID}
	return o
}

// Agent is a stand-in for an agent with one executor. It is safe for concurrent use.
type Agent struct {
	options Options
	wg      sync.WaitGroup

	mu         sync.Mutex // guards what follows
	changed    chan struct{}
	address    string
	listener   net.Listener
	open       map[net.Conn]bool
	link       net.Conn // to the executor
	executor   string   // its UPID; empty until it has registered
	state      state
	silent     chan struct{} // closed when it may go on; nil while it is not silent
	queue      []mesos.TaskInfo
	tasks      map[string]mesos.TaskInfo // sent to the executor
	stored     []mesos.TaskStatus        // each update once
	known      map[string]bool           // uuids of stored
	repeated   int                       // updates that came again
	lose       int                       // acknowledgements not to send
	received   []string                  // names of messages
	violations []error
}

// state is the agent's view of its executor.
type state int

const (
	registering state = iota
	running
	reconnecting // the agent has restarted
)

// New starts an agent on a free port.
func New(o Options) (*Agent, error) {
	a := &Agent{
		options: o.completed(), changed: make(chan struct{}), open: map[net.Conn]bool{},
		tasks: map[string]mesos.TaskInfo{}, known: map[string]bool{},
	}
	if o.Port != "" {
		a.address = net.JoinHostPort(a.options.IP, o.Port)
	}
	return a, a.Start(o.Port == "")
}

// UPID is the agent's libprocess address.
func (a *Agent) UPID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.upid()
}

func (a *Agent) upid() string { return "slave(1)@" + a.address }

// Executor is the executor's UPID, empty until it has registered.
func (a *Agent) Executor() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.executor
}

// Environ is what an executor finds in its environment (contract 1.5).
func (a *Agent) Environ(checkpoint bool, sandbox string) []string {
	flag := "0"
	if checkpoint {
		flag = "1"
	}
	return []string{
		"MESOS_FRAMEWORK_ID=" + a.options.FrameworkID, "MESOS_EXECUTOR_ID=" + a.options.ExecutorID, "MESOS_SLAVE_ID=" + a.options.AgentID,
		"MESOS_DIRECTORY=" + sandbox, "MESOS_SLAVE_PID=" + a.UPID(), "MESOS_AGENT_ENDPOINT=" + strings.TrimPrefix(a.UPID(), "slave(1)@"),
		"MESOS_CHECKPOINT=" + flag, "MESOS_RECOVERY_TIMEOUT=15mins", "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs", "LIBPROCESS_PORT=0", "LIBPROCESS_IP=" + a.options.IP,
	}
}

// listenAgain listens on an address that a listener of this process had. A child that is being started has a copy of that listener until
// its program begins.
func listenAgain(address string) (net.Listener, error) {
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(time.Millisecond) {
		listener, err := net.Listen("tcp", address)
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			return listener, err
		}
	}
}

// Start listens again, on another port if so asked, and looks whether the executor lives as a recovering agent does: by a
// connection without a byte (contract 1.7).
func (a *Agent) Start(anotherPort bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	address := a.address
	if anotherPort {
		address = net.JoinHostPort(a.options.IP, "0")
	}
	listener, err := listenAgain(address)
	if err != nil {
		return err
	}
	if anotherPort && listener.Addr().String() == a.address {
		listener.Close()
		return errors.New("the other port is the same")
	}
	a.listener, a.address = listener, listener.Addr().String()
	a.wg.Go(func() { a.accept(listener) })
	if a.executor == "" {
		return nil
	}
	a.state = reconnecting
	probe, err := net.Dial("tcp", endpoint(a.executor))
	if err != nil {
		return fmt.Errorf("the executor does not listen: %w", err)
	}
	return probe.Close()
}

// Successor returns an agent that has recovered what this one knew, while the connections of this one stay open, as they do where
// a peer's end got lost on the way.
func (a *Agent) Successor() (*Agent, error) {
	options := a.options
	options.Port = ""
	b, err := New(options)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.executor, b.state = a.executor, reconnecting
	b.stored = append(b.stored, a.stored...)
	maps.Copy(b.tasks, a.tasks)
	maps.Copy(b.known, a.known)
	return b, nil
}

// Stop ends all connections, as the death of the agent's process does.
func (a *Agent) Stop() {
	a.mu.Lock()
	if a.listener != nil {
		a.listener.Close()
		a.listener = nil
	}
	for conn := range a.open {
		conn.Close()
	}
	a.link = nil
	a.speak()
	a.mu.Unlock()
	a.wg.Wait()
}

// Silence makes the agent handle no message from now on, as if it were stopped, or go on.
func (a *Agent) Silence(silent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !silent {
		a.speak()
	} else if a.silent == nil {
		a.silent = make(chan struct{})
	}
}

func (a *Agent) speak() {
	if a.silent != nil {
		close(a.silent)
		a.silent = nil
	}
}

// LoseAcknowledgements keeps the agent from sending the next n.
func (a *Agent) LoseAcknowledgements(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lose = n
}

// Violations are the messages that an agent would not have taken.
func (a *Agent) Violations() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.violations...)
}

// Stored are the updates that have come, each once, in that order.
func (a *Agent) Stored() []mesos.TaskStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]mesos.TaskStatus(nil), a.stored...)
}

// Repeated is how many updates have come that were stored already.
func (a *Agent) Repeated() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.repeated
}

// Received are the names of all messages that have come, without mesos.internal.
func (a *Agent) Received() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.received...)
}

// Await returns the first update in a state.
func (a *Agent) Await(ctx context.Context, want mesos.TaskState) (found mesos.TaskStatus, err error) {
	err = a.wait(ctx, func() bool {
		for _, s := range a.stored {
			if s.GetState() == want {
				found = s
				return true
			}
		}
		return false
	})
	return found, err
}

// AwaitReceived waits until messages of a name have come n times.
func (a *Agent) AwaitReceived(ctx context.Context, name string, n int) error {
	return a.wait(ctx, func() bool {
		seen := 0
		for _, r := range a.received {
			if r == name {
				seen++
			}
		}
		return seen >= n
	})
}

// AwaitStored waits until n updates have come.
func (a *Agent) AwaitStored(ctx context.Context, n int) error {
	return a.wait(ctx, func() bool { return len(a.stored) >= n })
}

func (a *Agent) wait(ctx context.Context, condition func() bool) error {
	for {
		a.mu.Lock()
		ok, changed := condition(), a.changed
		got := fmt.Sprint(a.received)
		a.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w; received so far: %s; violations: %v", ctx.Err(), got, a.Violations())
		}
	}
}

func (a *Agent) violation(format string, args ...any) {
	a.violations = append(a.violations, fmt.Errorf(format, args...))
}

// endpoint is the part of a UPID behind the @.
func endpoint(upid string) string {
	_, address, _ := strings.Cut(upid, "@")
	return address
}
