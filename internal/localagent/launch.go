package localagent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/internal/agentflag"
)

// The values of an executor that a real agent invents for a task (contract 1.5).
const (
	// graceOverhead is what the kill policy's grace is extended by: one reap interval and a second more.
	graceOverhead  = 2 * time.Second
	overheadCPUs   = 0.1
	overheadMemory = 32 // MB
)

// LaunchRequest is a task with the program that executes it.
type LaunchRequest struct {
	// Framework the task is for; that of the agent's options if nil.
	Framework *mesos.FrameworkInfo
	// Task must have an id. Its executor is Task.Executor; if that is nil one is invented that bears the task's id and takes
	// URIs and environment from Task.Command. If an executor of that id lives already, the task is sent to it and what
	// follows here is not used.
	Task mesos.TaskInfo

	// Path of the executor's program, which is started without a shell, and its arguments, argv[0] not among them.
	Path string
	Args []string
	// Environment overlays what the agent and the executor's CommandInfo set.
	Environment map[string]string

	// BeforeLaunch are events the executor gets after its first SUBSCRIBED and before its task. It is a fault for tests.
	BeforeLaunch []agent.Event
}

// executorRun is one run of an executor: its process, its container, its tasks. The agent's lock guards what changes.
type executorRun struct {
	framework   *framework
	info        mesos.ExecutorInfo
	containerID string
	sandbox     string
	before      []agent.Event
	cancel      context.CancelFunc // of its fetching
	reaped      chan struct{}      // closed when the process is gone, or will never be
	exit        *os.ProcessState   // readable after reaped; nil if it was never started

	state   runState
	stream  *stream
	held    []agent.Event // acknowledgements kept back by a fault
	tasks   map[string]*Task
	order   []*Task // as they were launched
	sent    bool    // it was given a task
	timer   *time.Timer
	cause   *termination
	process *process
	doomed  bool // to be killed as soon as it is started
	exited  bool
}

// runState is the agent's view of an executor.
type runState int

const (
	registering runState = iota // never subscribed, or not since the agent started
	subscribed
	terminating
	terminated
)

// Launch queues a task and starts its executor. It fails for a request that a master would refuse. Later failures are updates of the
// task.
func (a *Agent) Launch(request LaunchRequest) (*Task, error) {
	task, info, frameworkInfo, err := a.prepare(request)
	if err != nil {
		return nil, fmt.Errorf("launch task %q: %w", request.Task.TaskID.Value, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return nil, fmt.Errorf("launch task %q: %w", task.TaskID.Value, err)
	}
	f, ok := a.frameworks[frameworkInfo.ID.Value]
	if !ok {
		f = &framework{info: frameworkInfo, executors: make(map[string]*executorRun)}
	}
	if _, ok := f.task(task.TaskID.Value); ok {
		return nil, fmt.Errorf("launch task %q: a task of that id exists", task.TaskID.Value)
	}
	if e, ok := f.executors[info.ExecutorID.Value]; ok {
		if e.state == terminating {
			return nil, fmt.Errorf("launch task %q: executor %q is being shut down", task.TaskID.Value, info.ExecutorID.Value)
		}
		t := a.enqueue(e, task)
		if e.state == subscribed {
			a.deliver(e)
		}
		return t, nil
	}
	if !filepath.IsAbs(request.Path) {
		return nil, fmt.Errorf("launch task %q: executor program %q is not an absolute path", task.TaskID.Value, request.Path)
	}
	e := &executorRun{
		framework:   f,
		info:        info,
		containerID: newUUID(),
		before:      request.BeforeLaunch,
		reaped:      make(chan struct{}),
		tasks:       make(map[string]*Task),
	}
	if e.sandbox, err = a.makeSandbox(e); err != nil {
		return nil, fmt.Errorf("launch task %q: %w", task.TaskID.Value, err)
	}
	if err := makeVolumes(e.sandbox, task, info); err != nil {
		return nil, fmt.Errorf("launch task %q: %w", task.TaskID.Value, err)
	}
	f.executors[info.ExecutorID.Value] = e
	a.frameworks[frameworkInfo.ID.Value] = f
	t := a.enqueue(e, task)
	a.start(e, request)
	return t, nil
}

// prepare completes what a master would have completed, and refuses what it would have refused.
func (a *Agent) prepare(r LaunchRequest) (mesos.TaskInfo, mesos.ExecutorInfo, mesos.FrameworkInfo, error) {
	task, framework := r.Task, a.framework
	if r.Framework != nil {
		framework = *r.Framework
	}
	if framework.ID == nil {
		return task, mesos.ExecutorInfo{}, framework, errors.New("framework has no id")
	}
	task.AgentID = mesos.AgentID{Value: a.options.AgentID}

	var info mesos.ExecutorInfo
	if task.Executor != nil {
		info = *task.Executor
		info.FrameworkID = framework.ID
		task.Executor = &info
	} else {
		info = inventExecutor(task, framework)
	}
	return task, info, framework, errors.Join(
		checkID("framework", framework.ID.Value),
		checkID("executor", info.ExecutorID.Value),
		checkID("task", task.TaskID.Value),
		encodable(task),
	)
}

// encodable refuses a task that lacks a field the protocol requires: no master would take it, and no event could carry it.
func encodable(task mesos.TaskInfo) error {
	if _, err := task.Marshal(); err != nil {
		return fmt.Errorf("task is incomplete: %w", err)
	}
	return nil
}

// inventExecutor makes the executor of a task that names none.
func inventExecutor(task mesos.TaskInfo, framework mesos.FrameworkInfo) mesos.ExecutorInfo {
	info := mesos.ExecutorInfo{
		Type:        mesos.ExecutorInfo_CUSTOM,
		ExecutorID:  mesos.ExecutorID{Value: task.TaskID.Value},
		FrameworkID: framework.ID,
		Command:     task.Command,
		Resources:   []mesos.Resource{scalar("cpus", overheadCPUs), scalar("mem", overheadMemory)},
	}
	if grace := task.KillPolicy.GetGracePeriod(); grace != nil {
		info.ShutdownGracePeriod = &mesos.DurationInfo{Nanoseconds: grace.Nanoseconds + int64(graceOverhead)}
	}
	return info
}

func (a *Agent) enqueue(e *executorRun, info mesos.TaskInfo) *Task {
	t := &Task{
		ID:          info.TaskID.Value,
		FrameworkID: e.framework.info.ID.Value,
		ExecutorID:  e.info.ExecutorID.Value,
		ContainerID: e.containerID,
		Sandbox:     e.sandbox,
		Info:        info,
		agent:       a,
		run:         e,
		state:       mesos.TASK_STAGING,
		stored:      make(map[string]bool),
	}
	e.tasks[t.ID] = t
	e.order = append(e.order, t)
	return t
}

// start begins the executor's life: registration timeout, fetching, process, reaping. The caller holds mu.
func (a *Agent) start(e *executorRun, request LaunchRequest) {
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	e.timer = time.AfterFunc(a.options.RegistrationTimeout, func() { a.registrationTimeout(e) })

	environment, err := a.environment(e)
	maps.Copy(environment, request.Environment)

	a.background.Add(1)
	go func() {
		defer a.background.Done()
		defer cancel()
		if err == nil {
			err = a.fetch(ctx, e)
		}
		var p *process
		if err == nil {
			p, err = startProcess(request.Path, request.Args, environment, e.sandbox)
		}
		if err != nil {
			a.launchFailed(e, err)
			return
		}
		a.log.Info("executor started", append(e.fields(), zap.Int("pid", p.pid()))...)
		a.mu.Lock()
		e.process = p
		doomed := e.doomed
		a.mu.Unlock()
		if doomed {
			p.kill()
		}
		exit := p.reap()
		a.log.Info("executor exited", append(e.fields(), zap.Stringer("exit", exit))...)
		a.noteExit(e, exit)
	}()
}

// launchFailed ends an executor that never ran.
func (a *Agent) launchFailed(e *executorRun, err error) {
	a.log.Warn("executor cannot be launched", append(e.fields(), zap.Error(err))...)
	a.mu.Lock()
	if e.cause == nil {
		e.cause = &termination{
			state:   mesos.TASK_FAILED,
			reason:  mesos.REASON_CONTAINER_LAUNCH_FAILED,
			message: "Failed to launch container: " + err.Error(),
		}
	}
	a.mu.Unlock()
	a.noteExit(e, nil)
}

// noteExit records the end of an executor's process. An agent that is down notices it in its recovery.
func (a *Agent) noteExit(e *executorRun, exit *os.ProcessState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.exit = exit
	e.exited = true
	close(e.reaped)
	known := e.framework.executors[e.info.ExecutorID.Value] == e
	if known && (a.phase == running || a.phase == reconnecting) {
		a.terminate(e)
	}
}

// registrationTimeout destroys an executor that never subscribed.
func (a *Agent) registrationTimeout(e *executorRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.state != registering || a.phase != running {
		return
	}
	a.log.Warn("executor did not register in time, destroying it", e.fields()...)
	e.state = terminating
	e.cause = &termination{
		state:   mesos.TASK_FAILED,
		reason:  mesos.REASON_EXECUTOR_REGISTRATION_TIMEOUT,
		message: "Executor did not register within " + agentflag.FormatDuration(a.options.RegistrationTimeout),
	}
	e.destroy()
}

func (e *executorRun) stopTimer() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// destroy kills all processes of an executor. Its end is reported when it has been reaped.
func (e *executorRun) destroy() {
	e.cancel()
	e.doomed = true
	if e.process != nil {
		e.process.kill()
	}
}
