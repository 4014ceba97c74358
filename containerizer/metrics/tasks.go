package metrics

import "time"

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
