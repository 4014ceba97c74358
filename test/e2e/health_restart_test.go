package e2e

import (
	"testing"

	"mesos-docker-containerizer/test/environment"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// The tests in this file have something of the machine restart in the midst of health checks.

// flagged is a task that is healthy as long as a file is there, and may fail twice in a row.
func flagged(t *testing.T) mesos.TaskInfo {
	info := sleeper(t)
	info.HealthCheck = healthCommand("[ -e /well ] || { touch /missed; exit 1; }")
	info.HealthCheck.GracePeriodSeconds = new(patience.Seconds())
	return info
}

// missOnce makes the task ill until a probe has found it so.
const missOnce = "rm -f /well /missed; until [ -e /missed ]; do sleep 0.05; done; touch /well"

// The daemon's restart costs no task its health: what was said is not said again, and the checks go on.
func TestDaemonRestartsAmongHealthChecks(t *testing.T) {
	t.Parallel()
	info := flagged(t)
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.exec(t, "touch /well")
		s.awaitHealth(t, "+")
		s.h.stopDaemon(t)
		s.exec(t, "rm /well")
		s.h.start(t)
		s.end(t) // the failures are three in a row for the new daemon's executor, which is the old one
		if got := s.health(t); got != "+---" {
			t.Errorf("the health was %s", got)
		}
	})
}

// Updates that could not be delivered while the agent was away are, when it is back, in their order.
func TestAgentRestartsAmongHealthChecks(t *testing.T) {
	t.Parallel()
	info := flagged(t)
	info.HealthCheck.ConsecutiveFailures = new(uint32(1000))
	t.Run("v0", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		d := h.dropIn(t, info)
		s := &subject{h: h, stored: d.Stored, kill: func() error { return d.Kill(info.TaskID.Value, nil) }, end: d.awaitExit}
		s.exec(t, "touch /well")
		s.awaitHealth(t, "+")
		d.die()
		s.exec(t, missOnce)
		d.recover(t, true)
		s.awaitRecovery(t)
		s.finish(t)
	})
	t.Run("v1", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		s := subjectV1(t, h, info)
		s.exec(t, "touch /well")
		s.awaitHealth(t, "+")
		if err := h.agent.Stop(); err != nil {
			t.Fatal(err)
		}
		s.exec(t, missOnce)
		for _, step := range []func() error{h.agent.Start, h.agent.Recover, h.agent.Reconnect} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		s.awaitRecovery(t)
		repeat(t, outage.Recovering, func() { s.kill() }, func() { s.awaitKilled(t) })
		s.end(t)
	})
}

// awaitRecovery waits until a task that was healthy, and then was not, is told to be so again.
func (s *subject) awaitRecovery(t *testing.T) {
	t.Helper()
	environment.Eventually(t, patience, "the health to come back", func() bool {
		course := s.health(t)
		last := len(course) - 1
		return last > 1 && course[0] == '+' && course[1] == '-' && course[last] == '+'
	})
}

func (s *subject) awaitKilled(t *testing.T) {
	t.Helper()
	environment.Eventually(t, patience, "the end", func() bool {
		all := s.stored()
		return all[len(all)-1].GetState() == mesos.TASK_KILLED
	})
}

// A task whose health changes all the time while it takes long to stop is not said to run any more.
func noHealthAfterKilling(t *testing.T) {
	info := sleeper(t, "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done")
	info.KillPolicy = policy(patience)
	info.HealthCheck = healthCommand(`if [ -e /flag ]; then rm /flag; else touch /flag; exit 1; fi`)
	info.Check = checkCommand("if [ -e /other ]; then rm /other; exit 3; fi; touch /other")
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.awaitHealth(t, "-+-")
		s.finish(t)
	})
}
