package metrics

import "time"

// LaunchOutcome is how a launch ended.
type LaunchOutcome string

// The outcomes of a launch.
const (
	LaunchStarted      LaunchOutcome = "started"       // the container was started
	LaunchTaskFault    LaunchOutcome = "task_fault"    // who wrote the task can do something about it
	LaunchHostFault    LaunchOutcome = "host_fault"    // who runs the host can
	LaunchKilled       LaunchOutcome = "killed"        // before the container was started
	LaunchExecutorGone LaunchOutcome = "executor_gone" // the executor died before that
)

var launchOutcomes = []LaunchOutcome{LaunchStarted, LaunchTaskFault, LaunchHostFault, LaunchKilled, LaunchExecutorGone}

// LaunchEnded counts a launch. The time from its acceptance on counts for one that was started; it is 0 where it is not known,
// because an earlier daemon accepted the task.
func (m *Metrics) LaunchEnded(outcome LaunchOutcome, took time.Duration) {
	m.launches.WithLabelValues(string(outcome)).Inc()
	if outcome == LaunchStarted && took > 0 {
		m.launchTime.Observe(took.Seconds())
	}
}

// TaskEnd is how a task ended whose container had been started.
type TaskEnd string

// The ends. The first that applies is counted.
const (
	EndUnknown  TaskEnd = "unknown" // nobody can say how
	EndOOM      TaskEnd = "oom"     // out of memory
	EndKilled   TaskEnd = "killed"  // it was told to end
	EndFinished TaskEnd = "finished"
	EndFailed   TaskEnd = "failed" // with a status that is not 0
)

var taskEnds = []TaskEnd{EndUnknown, EndOOM, EndKilled, EndFinished, EndFailed}

// TaskEnded counts the end of a task.
func (m *Metrics) TaskEnded(how TaskEnd) { m.ended.WithLabelValues(string(how)).Inc() }

// OrphanStopped counts a running container that was told to stop because nobody needed it any more.
func (m *Metrics) OrphanStopped() { m.orphans.Inc() }

// ContainerRemoved counts a container that was removed.
func (m *Metrics) ContainerRemoved() { m.removed.Inc() }
