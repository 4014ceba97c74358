package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// TaskState is what a task is doing.
type TaskState string

// The states. Tasks go through them in this order, but for pulls, of which most need none.
const (
	TaskAwaited   TaskState = "awaited"   // an executor is attached and has not launched its task
	TaskPreparing TaskState = "preparing" // up to the start of its container, but for its pull
	TaskPulling   TaskState = "pulling"
	TaskRunning   TaskState = "running"
	TaskEnded     TaskState = "ended" // its executor has not done with it yet
)

var taskStates = []TaskState{TaskAwaited, TaskPreparing, TaskPulling, TaskRunning, TaskEnded}

// State is what is so at a moment.
type State struct {
	Executors    int // that are connected
	Tasks        map[TaskState]int
	PullsRunning int
	PullsWaiting int // for a slot
}

// Ask has the state asked for at each scrape. Before it is called none is shown.
func (m *Metrics) Ask(now func() State) { m.state.now.Store(&now) }

// state shows a State.
type state struct {
	now atomic.Pointer[func() State]
}

var (
	executorsGauge = prometheus.NewDesc(namespace+"_executors_attached", "Executors that are connected.", nil, nil)
	tasksGauge     = prometheus.NewDesc(namespace+"_tasks", "Tasks whose executors live, by what they are doing.", []string{"state"}, nil)
	runningGauge   = prometheus.NewDesc(namespace+"_pulls_running", "Pulls that run at present.", nil, nil)
	waitingGauge   = prometheus.NewDesc(namespace+"_pulls_waiting", "Pulls that wait for others to end (max_concurrent_pulls).", nil, nil)
)

// Describe is part of prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{executorsGauge, tasksGauge, runningGauge, waitingGauge} {
		to <- d
	}
}

// Collect is part of prometheus.Collector.
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
