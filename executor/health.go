package executor

import (
	"fmt"
	"math"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/wire"
)

// health is the state of a task's health check (contract 4.4). The zero value is that of a task without one.
type health struct {
	grace time.Duration // how long failures do not count, until the first success
	limit uint32        // so many failures in a row end the task

	succeeded bool   // once, which ends the grace period for good
	failures  uint32 // in a row
}

func newHealth(check *mesos.HealthCheck) health {
	if check == nil {
		return health{}
	}
	return health{grace: secondsOf(check.GetGracePeriodSeconds()), limit: check.GetConsecutiveFailures()}
}

// record adds the result of a probe; age is the time from the start of the container to the end of the probe. The caller sends an
// update if report is true, and ends the task if kill is true.
func (h *health) record(healthy bool, age time.Duration) (report, kill bool) {
	if healthy {
		report = !h.succeeded || h.failures > 0
		h.succeeded, h.failures = true, 0
		return report, false
	}
	if !h.succeeded && h.grace > 0 && age <= h.grace {
		return false, false
	}
	h.failures++
	return true, h.failures >= h.limit
}

// secondsOf converts a number of seconds from a framework, which may be any float. Negative numbers and NaN become 0.
func secondsOf(seconds float64) time.Duration {
	switch {
	case !(seconds > 0): // NaN too
		return 0
	case seconds >= math.MaxInt64/float64(time.Second):
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

// probed reports whether results of probes still count: not before TASK_RUNNING, and not once the task is ending, since RUNNING
// must not follow KILLING.
func (t *task) probed() bool {
	return t.running && t.exit == nil && !t.cause.killed && !t.cause.completed
}

// onHealth reports a change of the task's health, and each failure, and ends a task that has failed too often: contract
// 4.4. The update comes before those of the end.
func (e *executor) onHealth(m *wire.Health) {
	if !e.task.probed() || e.task.info.HealthCheck == nil {
		return
	}
	report, kill := e.task.health.record(m.Healthy, time.Since(e.task.started))
	if !report {
		if !m.Healthy {
			e.Logger.Info("health check failed within the grace period; the failure does not count", zap.String("task", e.task.info.TaskID.Value),
				zap.String("message", m.Message))
		}
		return
	}
	e.task.healthy = new(m.Healthy)
	message := ""
	if !m.Healthy {
		message = e.task.health.failureMessage(m.Message)
	}
	e.update(mesos.TASK_RUNNING, func(s *mesos.TaskStatus) {
		s.Reason = mesos.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum()
		if message != "" {
			s.Message = &message
		}
	})
	if kill {
		e.task.cause.unhealthy = message
		e.stop(e.grace(nil), "its "+message)
	}
}

// failureMessage returns how often the health check has failed, and what the last probe found.
func (h *health) failureMessage(found string) string {
	message := "health check failed"
	if h.failures > 1 {
		message += fmt.Sprintf(" %d times in a row", h.failures)
	}
	if found != "" {
		message += ": " + found
	}
	return message
}

// noCheckStatus returns the status of a check without a result: its type, and a message without a value (contract 4.5). It is
// nil if there is no check, and if the check has no message for its type.
func noCheckStatus(check *mesos.CheckInfo) *mesos.CheckStatusInfo {
	if check == nil {
		return nil
	}
	status := &mesos.CheckStatusInfo{Type: check.Type.Enum()}
	switch {
	case check.Type == mesos.CheckInfo_COMMAND && check.Command != nil:
		status.Command = &mesos.CheckStatusInfo_Command{}
	case check.Type == mesos.CheckInfo_HTTP && check.HTTP != nil:
		status.HTTP = &mesos.CheckStatusInfo_Http{}
	case check.Type == mesos.CheckInfo_TCP && check.TCP != nil:
		status.TCP = &mesos.CheckStatusInfo_Tcp{}
	default:
		return nil
	}
	return status
}

// checkStatus returns the status of a check with the result of a probe.
func checkStatus(check *mesos.CheckInfo, m *wire.Check) *mesos.CheckStatusInfo {
	status := noCheckStatus(check)
	switch {
	case status == nil:
	case status.Command != nil:
		status.Command.ExitCode = m.ExitCode
	case status.HTTP != nil:
		status.HTTP.StatusCode = m.StatusCode
	case status.TCP != nil:
		status.TCP.Succeeded = m.Succeeded
	}
	return status
}

// onCheck reports the status of the task's check if it is another than before. A check never ends a task.
func (e *executor) onCheck(m *wire.Check) {
	if !e.task.probed() {
		return
	}
	status := checkStatus(e.task.info.Check, m)
	if status == nil || status.Equal(e.task.check) {
		return
	}
	e.task.check = status
	e.update(mesos.TASK_RUNNING, func(s *mesos.TaskStatus) {
		s.Reason = mesos.REASON_TASK_CHECK_STATUS_UPDATED.Enum()
		if m.Message != "" {
			s.Message = &m.Message
		}
	})
}
