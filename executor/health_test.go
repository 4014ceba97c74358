package executor

import (
	"math"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/executor/wire"
)

// probe is one result in a test: how it was, and how old the container.
type probe struct {
	healthy bool
	age     time.Duration
}

// Contract 4.4, by example. In want, "+" and "-" are updates with healthy true and false, "." is none and "!" the kill.
func TestHealth(t *testing.T) {
	const second = time.Second
	good := func(age time.Duration) probe { return probe{true, age} }
	bad := func(age time.Duration) probe { return probe{false, age} }
	for name, test := range map[string]struct {
		grace  time.Duration
		limit  uint32
		probes []probe
		want   string
	}{
		"only changes to the good":                {0, 3, []probe{good(1), good(2), bad(3), good(4), good(5)}, "+.-+."},
		"each failure":                            {0, 9, []probe{bad(1), bad(2), bad(3)}, "---"},
		"the limit":                               {0, 3, []probe{bad(1), bad(2), bad(3)}, "---!"},
		"not in a row":                            {0, 2, []probe{bad(1), good(2), bad(3), good(4), bad(5), bad(6)}, "-+-+--!"},
		"one failure is enough":                   {0, 1, []probe{good(1), bad(2)}, "+-!"},
		"a limit of nothing":                      {0, 0, []probe{bad(1)}, "-!"},
		"grace period, to its very end":           {2 * second, 1, []probe{bad(second), bad(2 * second), bad(2*second + 1)}, "..-!"},
		"failures within it do not count later":   {2 * second, 2, []probe{bad(1), bad(2), bad(3 * second), bad(4 * second)}, "..--!"},
		"the first success ends the grace period": {9 * second, 2, []probe{bad(1), good(2), bad(3), bad(4)}, ".+--!"},
		"a success after it":                      {second, 3, []probe{bad(1), bad(2 * second), good(3 * second)}, ".-+"},
		"past the limit":                          {0, 1, []probe{bad(1), bad(2)}, "-!-!"},
	} {
		t.Run(name, func(t *testing.T) {
			h := health{grace: test.grace, limit: test.limit}
			got := ""
			for _, p := range test.probes {
				report, kill := h.record(p.healthy, p.age)
				switch {
				case !report:
					got += "."
				case p.healthy:
					got += "+"
				default:
					got += "-"
				}
				if kill {
					got += "!"
				}
			}
			if got != test.want {
				t.Errorf("updates %s, want %s", got, test.want)
			}
		})
	}
}

// Whatever the results: what is reported and when the task has to end follows from the whole history as section 4.4 says, which
// the model reads anew for each probe.
func TestHealthAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		grace := time.Duration(rapid.IntRange(0, 10).Draw(rt, "grace"))
		limit := rapid.Uint32Range(0, 5).Draw(rt, "limit")
		h := health{grace: grace, limit: limit}
		var history []probe
		for age, healthy := range rapid.SliceOfN(rapid.Bool(), 1, 30).Draw(rt, "results") {
			history = append(history, probe{healthy, time.Duration(age)})
			report, kill := h.record(healthy, time.Duration(age))
			wantReport, wantKill := judgeHistory(history, grace, limit)
			if report != wantReport || kill != wantKill {
				rt.Fatalf("after %v: report %v, kill %v, want %v, %v", history, report, kill, wantReport, wantKill)
			}
		}
	})
}

// judgeHistory is the model: only failures count that come after the grace period or a success.
func judgeHistory(history []probe, grace time.Duration, limit uint32) (report, kill bool) {
	succeeded := false
	var counted []bool // the results that are not ignored
	for _, p := range history {
		if p.healthy || succeeded || grace == 0 || p.age > grace {
			counted = append(counted, p.healthy)
		}
		succeeded = succeeded || p.healthy
	}
	last := history[len(history)-1]
	if last.healthy {
		return len(counted) == 1 || !counted[len(counted)-2], false
	}
	if !succeeded && grace > 0 && last.age <= grace {
		return false, false
	}
	inARow := uint32(0)
	for i := len(counted) - 1; i >= 0 && !counted[i]; i-- {
		inARow++
	}
	return true, inARow >= limit
}

func TestSecondsOf(t *testing.T) {
	for seconds, want := range map[float64]time.Duration{
		0: 0, -1: 0, 0.5: 500 * time.Millisecond, 1e300: math.MaxInt64, math.Inf(1): math.MaxInt64, math.Inf(-1): 0,
	} {
		if got := secondsOf(seconds); got != want {
			t.Errorf("%v seconds are %v, want %v", seconds, got, want)
		}
	}
	if got := secondsOf(math.NaN()); got != 0 {
		t.Errorf("NaN seconds are %v", got)
	}
}

// healthChecked is a task with a health check of two failures and no grace period.
func healthChecked() mesos.TaskInfo {
	task := sleeper()
	task.HealthCheck = &mesos.HealthCheck{
		Type: mesos.HealthCheck_TCP, TCP: &mesos.HealthCheck_TCPCheckInfo{Port: 80},
		ConsecutiveFailures: new(uint32(2)), GracePeriodSeconds: new(float64(0)),
	}
	return task
}

func (h *harness) healthy() {
	h.say(wire.Message{Health: &wire.Health{Healthy: true, Message: "fine"}})
}
func (h *harness) unhealthy(what string) { h.say(wire.Message{Health: &wire.Health{Message: what}}) }

// wantHealth takes an update of the task's health.
func (h *harness) wantHealth(healthy bool, message string) mesos.TaskStatus {
	h.t.Helper()
	s := h.update(mesos.TASK_RUNNING)
	if s.GetReason() != mesos.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED || s.Healthy == nil || *s.Healthy != healthy ||
		s.GetMessage() != message || s.Data != nil || s.CheckStatus != nil {
		h.t.Errorf("update of the health is %+v, want healthy %v and %q", s, healthy, message)
	}
	if len(s.GetContainerStatus().GetNetworkInfos()) != 1 {
		h.t.Errorf("the addresses are lost: %+v", s.ContainerStatus)
	}
	return s
}

// A task that fails its health check too often hears of it first, and then ends as killed.
func TestUnhealthyTaskIsKilled(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.launch(healthChecked())
		h.say(wire.Message{Created: &wire.Created{ContainerID: "c"}})
		h.unhealthy("too early")
		h.update(mesos.TASK_STARTING)
		h.noUpdate()
		h.say(wire.Message{Running: &wire.Running{IPv4: "172.17.0.2", Inspect: []byte(`{}`)}})
		if s := h.update(mesos.TASK_RUNNING); s.Healthy != nil {
			t.Errorf("healthy %v before the first result", *s.Healthy)
		}
		h.healthy()
		h.wantHealth(true, "")
		h.healthy()
		h.noUpdate()
		h.unhealthy("connection refused")
		h.wantHealth(false, "health check failed: connection refused")
		h.daemon.take()
		h.unhealthy("")
		h.wantHealth(false, "health check failed 2 times in a row")
		if d := killDeadline(t, h.daemon.take()); d != grace {
			t.Errorf("the container gets %v", d)
		}
		if s := h.update(mesos.TASK_KILLING); s.Healthy == nil || *s.Healthy || s.Reason != nil {
			t.Errorf("killing: %+v", s)
		}
		h.unhealthy("again")
		h.healthy()
		h.noUpdate()
		h.say(exited(137))
		killed := h.update(mesos.TASK_KILLED)
		want := "Container exited with status 137: killed because its health check failed 2 times in a row"
		if killed.Healthy == nil || *killed.Healthy || killed.GetMessage() != want || killed.Reason != nil {
			t.Errorf("killed: %+v", killed)
		}
		h.acknowledge(killed)
	}, mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
}

// Of a task that is killed, or has used up its time, no health is reported, and at its end none is claimed.
func TestNoHealthOnceATaskIsEnding(t *testing.T) {
	for name, end := range map[string]func(*harness){
		"killed":     func(h *harness) { h.kill("t", nil); h.update(mesos.TASK_KILLING) },
		"time is up": func(h *harness) { time.Sleep(time.Minute); h.settle() },
		"ended":      func(h *harness) { h.sayWith(wire.Message{Output: &wire.Output{}}, newStream()); h.say(exited(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				task := healthChecked()
				task.MaxCompletionTime = &mesos.DurationInfo{Nanoseconds: int64(time.Minute)}
				h.run(task)
				h.unhealthy("closed")
				h.wantHealth(false, "health check failed: closed")
				end(h)
				h.unhealthy("closed")
				h.healthy()
				h.noUpdate()
				h.say(exited(0))
				time.Sleep(drainTimeout)
				h.settle()
				_, updates, _ := h.outbox.Unacknowledged()
				if last := updates[len(updates)-1]; !isTerminal(last.GetState()) || last.Healthy != nil {
					t.Errorf("at the end: %+v", last)
				}
			}, mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
		})
	}
}

// The grace period counts from the start of the container, on the executor's own clock, whatever the daemon's restarts.
func TestGracePeriod(t *testing.T) {
	inBubble(t, func(h *harness) {
		task := healthChecked()
		task.HealthCheck.GracePeriodSeconds = new(float64(10))
		h.run(task)
		time.Sleep(10 * time.Second)
		h.unhealthy("starting")
		h.connect()
		h.say(wire.Message{Running: &wire.Running{Inspect: []byte(`{}`)}})
		h.noUpdate()
		time.Sleep(time.Millisecond)
		h.unhealthy("starting")
		h.wantHealth(false, "health check failed: starting")
	})
}

// Results for a task without a health check, from a daemon that is out of its mind, change nothing.
func TestHealthOfATaskWithoutHealthCheck(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.unhealthy("no task at all")
		h.run(sleeper())
		h.unhealthy("x")
		h.say(wire.Message{Check: &wire.Check{Succeeded: new(true)}})
		h.noUpdate()
	})
}
