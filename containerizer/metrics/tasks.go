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

// TaskKilledForHealth counts a running task that is killed because its health check failed too often.
func (m *Metrics) TaskKilledForHealth() { m.illKills.Inc() }

// OutputLost counts a gap in the output of a task, or an end before its time.
func (m *Metrics) OutputLost() { m.lost.Inc() }

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

	Health         map[Health]int // of the running tasks with a health check
	RemovalsBehind int            // containers whose stop or removal was tried and has failed so far

	// Of the file system with the Engine's data, in bytes. Both are zero where it is not known.
	DiskFree, DiskSize uint64
}

// Ask sets the functions that return the state at each scrape, and whether tasks can be taken as far as the daemon knows. The first
// brings the usage of tasks up to date, too. Without it no state is shown.
func (m *Metrics) Ask(now func() State, ready func() bool) {
	m.state.now.Store(&now)
	m.state.ready.Store(&ready)
}

// state collects a State, and then the metrics of apps, whose usage that brings up to date.
type state struct {
	now   atomic.Pointer[func() State]
	ready atomic.Pointer[func() bool]
	apps  *apps
}

var (
	executorsGauge = prometheus.NewDesc(namespace+"_executors_attached", "Connected executors.", nil, nil)
	tasksGauge     = prometheus.NewDesc(namespace+"_tasks", "Tasks with a live executor, by state.", []string{"state"}, nil)
	runningGauge   = prometheus.NewDesc(namespace+"_pulls_running", "Running pulls.", nil, nil)
	waitingGauge   = prometheus.NewDesc(namespace+"_pulls_waiting", "Pulls that wait for a slot (max_concurrent_pulls).", nil, nil)
	healthGauge    = prometheus.NewDesc(namespace+"_health_checked_tasks", "Running tasks with a health check, by what its last probe found.", []string{"health"}, nil)
	behindGauge    = prometheus.NewDesc(namespace+"_removals_behind", "Containers that could not be stopped or removed yet when it was time. It is tried again.", nil, nil)
	diskFreeGauge  = prometheus.NewDesc(namespace+"_disk_free_bytes", "Free bytes of the file system with the Docker Engine's data, for others than root.", nil, nil)
	diskSizeGauge  = prometheus.NewDesc(namespace+"_disk_size_bytes", "Size of the file system with the Docker Engine's data.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{executorsGauge, tasksGauge, runningGauge, waitingGauge, healthGauge, behindGauge, diskFreeGauge, diskSizeGauge} {
		to <- d
	}
	s.apps.describe(to)
}

// Collect implements prometheus.Collector.
func (s *state) Collect(to chan<- prometheus.Metric) {
	now := s.now.Load()
	if now == nil {
		return
	}
	is := (*now)()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(executorsGauge, float64(is.Executors))
	for _, state := range taskStates {
		gauge(tasksGauge, float64(is.Tasks[state]), string(state))
	}
	gauge(runningGauge, float64(is.PullsRunning))
	gauge(waitingGauge, float64(is.PullsWaiting))
	for _, health := range healths {
		gauge(healthGauge, float64(is.Health[health]), string(health))
	}
	gauge(behindGauge, float64(is.RemovalsBehind))
	if is.DiskSize > 0 {
		gauge(diskFreeGauge, float64(is.DiskFree))
		gauge(diskSizeGauge, float64(is.DiskSize))
	}
	s.apps.collect(to)
}
