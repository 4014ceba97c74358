package executor

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
)

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
