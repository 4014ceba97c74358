package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// LaunchOutcome is how a launch ended.
type LaunchOutcome string

// The outcomes of a launch.
const (
	LaunchStarted      LaunchOutcome = "started"       // the container was started
	LaunchTaskFault    LaunchOutcome = "task_fault"    // the owner of the task can remedy it
	LaunchHostFault    LaunchOutcome = "host_fault"    // the operator of the host can
	LaunchKilled       LaunchOutcome = "killed"        // before the container was started
	LaunchExecutorGone LaunchOutcome = "executor_gone" // the executor died before that
)

var launchOutcomes = []LaunchOutcome{LaunchStarted, LaunchTaskFault, LaunchHostFault, LaunchKilled, LaunchExecutorGone}

// LaunchEnded counts a launch. The time since its acceptance counts only for a started task; it is 0 if an earlier daemon accepted
// the task.
func (m *Metrics) LaunchEnded(outcome LaunchOutcome, took time.Duration) {
	m.launches.WithLabelValues(string(outcome)).Inc()
	if outcome == LaunchStarted && took > 0 {
		m.launchTime.Observe(took.Seconds())
	}
}

// TaskEnd is how a started task ended.
type TaskEnd string

// The ends. The first that applies is counted.
const (
	EndUnknown  TaskEnd = "unknown" // not known
	EndOOM      TaskEnd = "oom"     // out of memory
	EndKilled   TaskEnd = "killed"  // by a kill
	EndFinished TaskEnd = "finished"
	EndFailed   TaskEnd = "failed" // with a status other than 0
)

var taskEnds = []TaskEnd{EndUnknown, EndOOM, EndKilled, EndFinished, EndFailed}

// TaskEnded counts the end of a task.
func (m *Metrics) TaskEnded(how TaskEnd) { m.ended.WithLabelValues(string(how)).Inc() }

// OrphanStopped counts a running container that was stopped because its executor had died.
func (m *Metrics) OrphanStopped() { m.orphans.Inc() }

// ContainerRemoved counts a removed container.
func (m *Metrics) ContainerRemoved() { m.removed.Inc() }

// TaskState is the state of a task.
type TaskState string

// The states, in the order in which tasks pass through them. Most tasks skip the pull.
const (
	TaskAwaited   TaskState = "awaited"   // the executor has attached and has not launched the task
	TaskPreparing TaskState = "preparing" // up to the start of the container, except the pull
	TaskPulling   TaskState = "pulling"
	TaskRunning   TaskState = "running"
	TaskEnded     TaskState = "ended" // the executor has not finished with it
)

var taskStates = []TaskState{TaskAwaited, TaskPreparing, TaskPulling, TaskRunning, TaskEnded}

// State is the state at a moment.
type State struct {
	Executors    int // connected
	Tasks        map[TaskState]int
	PullsRunning int
	PullsWaiting int // waiting for a slot
}

// Ask sets the function that returns the state at each scrape. Without it no state is shown.
func (m *Metrics) Ask(now func() State) { m.state.now.Store(&now) }

// state collects a State.
type state struct {
	now atomic.Pointer[func() State]
}

var (
	executorsGauge = prometheus.NewDesc(namespace+"_executors_attached", "Connected executors.", nil, nil)
	tasksGauge     = prometheus.NewDesc(namespace+"_tasks", "Tasks with a live executor, by state.", []string{"state"}, nil)
	runningGauge   = prometheus.NewDesc(namespace+"_pulls_running", "Running pulls.", nil, nil)
	waitingGauge   = prometheus.NewDesc(namespace+"_pulls_waiting", "Pulls that wait for a slot (max_concurrent_pulls).", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{executorsGauge, tasksGauge, runningGauge, waitingGauge} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(to chan<- prometheus.Metric) {
	now := s.now.Load()
	if now == nil {
		return
	}
	is := (*now)()
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(executorsGauge, is.Executors)
	for _, state := range taskStates {
		gauge(tasksGauge, is.Tasks[state], string(state))
	}
	gauge(runningGauge, is.PullsRunning)
	gauge(waitingGauge, is.PullsWaiting)
}
