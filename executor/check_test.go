package executor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/executor/wire"
)

func commandCheck() *mesos.CheckInfo {
	return &mesos.CheckInfo{Type: mesos.CheckInfo_COMMAND, Command: &mesos.CheckInfo_Command{}}
}

// Contract 4.5: the type and its message are always there, a value only where the probe came to one, and never another
// type's.
func TestCheckStatus(t *testing.T) {
	all := &wire.Check{ExitCode: new(int32(7)), StatusCode: new(uint32(503)), Succeeded: new(false)}
	for name, test := range map[string]struct {
		check       *mesos.CheckInfo
		empty, full *mesos.CheckStatusInfo
	}{
		"command": {commandCheck(),
			&mesos.CheckStatusInfo{Type: mesos.CheckInfo_COMMAND.Enum(), Command: &mesos.CheckStatusInfo_Command{}},
			&mesos.CheckStatusInfo{Type: mesos.CheckInfo_COMMAND.Enum(), Command: &mesos.CheckStatusInfo_Command{ExitCode: new(int32(7))}}},
		"HTTP": {&mesos.CheckInfo{Type: mesos.CheckInfo_HTTP, HTTP: &mesos.CheckInfo_Http{}},
			&mesos.CheckStatusInfo{Type: mesos.CheckInfo_HTTP.Enum(), HTTP: &mesos.CheckStatusInfo_Http{}},
			&mesos.CheckStatusInfo{Type: mesos.CheckInfo_HTTP.Enum(), HTTP: &mesos.CheckStatusInfo_Http{StatusCode: new(uint32(503))}}},
		"TCP": {&mesos.CheckInfo{Type: mesos.CheckInfo_TCP, TCP: &mesos.CheckInfo_Tcp{}},
			&mesos.CheckStatusInfo{Type: mesos.CheckInfo_TCP.Enum(), TCP: &mesos.CheckStatusInfo_Tcp{}},
			&mesos.CheckStatusInfo{Type: mesos.CheckInfo_TCP.Enum(), TCP: &mesos.CheckStatusInfo_Tcp{Succeeded: new(false)}}},
		"none":           {nil, nil, nil},
		"without a type": {&mesos.CheckInfo{TCP: &mesos.CheckInfo_Tcp{}}, nil, nil},
		"without more":   {&mesos.CheckInfo{Type: mesos.CheckInfo_TCP}, nil, nil},
		"a later type":   {&mesos.CheckInfo{Type: 99}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.empty, noCheckStatus(test.check)); diff != "" {
				t.Errorf("without a result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.empty, checkStatus(test.check, &wire.Check{})); diff != "" {
				t.Errorf("without a value (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.full, checkStatus(test.check, all)); diff != "" {
				t.Errorf("with a value (-want +got):\n%s", diff)
			}
		})
	}
}

// Every update says what is known of the check, from the first on; a probe makes one only if it finds something else.
func TestCheckIsReportedWhenItChanges(t *testing.T) {
	inBubble(t, func(h *harness) {
		task := sleeper()
		task.Check = commandCheck()
		h.launch(task)
		empty := noCheckStatus(task.Check)
		h.wantCheck(h.update(mesos.TASK_STARTING), empty)
		h.say(wire.Message{Check: &wire.Check{ExitCode: new(int32(1))}}) // too early
		h.say(wire.Message{Running: &wire.Running{IPv4: "172.17.0.2", Inspect: []byte(`{}`)}})
		running := h.update(mesos.TASK_RUNNING)
		h.wantCheck(running, empty)
		if running.Healthy != nil || running.Reason != nil {
			t.Errorf("running: %+v", running)
		}
		probe := func(m wire.Check) *mesos.CheckStatusInfo {
			h.say(wire.Message{Check: &m})
			return checkStatus(task.Check, &m)
		}
		probe(wire.Check{Message: "timed out"})
		h.noUpdate() // as empty as before
		for _, m := range []wire.Check{{ExitCode: new(int32(0))}, {ExitCode: new(int32(3))}, {Message: "timed out"}, {ExitCode: new(int32(3))}} {
			want := probe(m)
			probe(m)
			s := h.update(mesos.TASK_RUNNING)
			h.wantCheck(s, want)
			h.noUpdate()
			if s.GetReason() != mesos.REASON_TASK_CHECK_STATUS_UPDATED || s.GetMessage() != m.Message || s.Data != nil {
				t.Errorf("update of the check: %+v", s)
			}
		}
		h.kill("t", nil)
		probe(wire.Check{ExitCode: new(int32(9))})
		h.say(exited(0))
		h.wantCheck(h.update(mesos.TASK_KILLED), checkStatus(task.Check, &wire.Check{ExitCode: new(int32(3))}))
	})
}

func (h *harness) wantCheck(s mesos.TaskStatus, want *mesos.CheckStatusInfo) {
	h.t.Helper()
	if diff := cmp.Diff(want, s.CheckStatus); diff != "" {
		h.t.Errorf("check_status of %v (-want +got):\n%s", s.GetState(), diff)
	}
}

// A check and a health check of one task do not hide one another, nor the task's addresses: each update says the last of both,
// and each has the reason that made it.
func TestCheckAndHealthCheckDoNotShadowOneAnother(t *testing.T) {
	inBubble(t, func(h *harness) {
		task := healthChecked()
		task.Check = commandCheck()
		task.HealthCheck.ConsecutiveFailures = new(uint32(1 << 31))
		h.run(task)
		rapid.Check(t, func(rt *rapid.T) {
			before := *h.executor.task
			failed := before.health.failures > 0
			if rapid.Bool().Draw(rt, "health") {
				healthy := rapid.Bool().Draw(rt, "healthy")
				h.say(wire.Message{Health: &wire.Health{Healthy: healthy}})
				if healthy && before.healthy != nil && !failed {
					h.noUpdate()
					return
				}
				s := h.update(mesos.TASK_RUNNING)
				h.wantCheck(s, before.check)
				if s.Healthy == nil || *s.Healthy != healthy || s.GetReason() != mesos.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED || s.ContainerStatus == nil {
					rt.Fatalf("health: %+v", s)
				}
				return
			}
			m := wire.Check{ExitCode: new(rapid.Int32Range(0, 2).Draw(rt, "code"))}
			h.say(wire.Message{Check: &m})
			if before.check.Command.ExitCode != nil && *before.check.Command.ExitCode == *m.ExitCode {
				h.noUpdate()
				return
			}
			s := h.update(mesos.TASK_RUNNING)
			h.wantCheck(s, checkStatus(task.Check, &m))
			if diff := cmp.Diff(before.healthy, s.Healthy); diff != "" || s.GetReason() != mesos.REASON_TASK_CHECK_STATUS_UPDATED || s.ContainerStatus == nil {
				rt.Fatalf("check: %+v\n%s", s, diff)
			}
		})
	})
}
