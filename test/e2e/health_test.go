package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
)

// subject is a task whose health is checked, on either of the two protocols between executor and agent.
type subject struct {
	h      *host
	stored func() []mesos.TaskStatus // the updates that the agent has
	kill   func() error
	end    func(t *testing.T) // waits until all of it is over
}

// onBoth runs a test on both protocols.
func onBoth(t *testing.T, test func(t *testing.T, launch func(mesos.TaskInfo) *subject)) {
	for name, launch := range map[string]func(*testing.T, *host, mesos.TaskInfo) *subject{"v0": subjectV0, "v1": subjectV1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			test(t, func(info mesos.TaskInfo) *subject { return launch(t, h, info) })
		})
	}
}

func subjectV0(t *testing.T, h *host, info mesos.TaskInfo) *subject {
	d := h.dropIn(t, info)
	return &subject{
		h:      h,
		stored: d.Stored,
		kill:   func() error { return d.Kill(info.TaskID.Value, nil) },
		end: func(t *testing.T) {
			d.awaitExit(t)
			environment.Eventually(t, patience, "the container to be removed", func() bool { return len(h.containers(t)) == 0 })
		},
	}
}

func subjectV1(t *testing.T, h *host, info mesos.TaskInfo) *subject {
	k := h.launch(t, info)
	var mu sync.Mutex
	var seen []mesos.TaskStatus
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var follower sync.WaitGroup
	follower.Go(func() {
		for status := range k.Updates(ctx) {
			mu.Lock()
			seen = append(seen, status)
			mu.Unlock()
		}
	})
	t.Cleanup(func() { cancel(); follower.Wait() })
	return &subject{
		h: h,
		stored: func() []mesos.TaskStatus {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(seen)
		},
		kill: func() error { return h.agent.Kill(k.ID, nil) },
		end:  func(t *testing.T) { k.end(t) },
	}
}

// await returns the first update for which a condition holds.
func (s *subject) await(t *testing.T, what string, holds func(mesos.TaskStatus) bool) (found mesos.TaskStatus) {
	t.Helper()
	environment.Eventually(t, patience, what, func() bool {
		for _, status := range s.stored() {
			if holds(status) {
				found = status
				return true
			}
			if terminal(status) {
				t.Fatalf("no %s: %s", what, story(s.stored()))
			}
		}
		return false
	})
	return found
}

func (s *subject) awaitState(t *testing.T, state mesos.TaskState) mesos.TaskStatus {
	t.Helper()
	return s.await(t, state.String(), func(status mesos.TaskStatus) bool { return status.GetState() == state })
}

func terminal(status mesos.TaskStatus) bool {
	return status.GetState() != mesos.TASK_STARTING && status.GetState() != mesos.TASK_RUNNING && status.GetState() != mesos.TASK_KILLING
}

// ofHealth tells whether a status is an update of the task's health, and ofCheck of its check.
func ofHealth(s mesos.TaskStatus) bool {
	return s.Reason != nil && s.GetReason() == mesos.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
}

func ofCheck(s mesos.TaskStatus) bool {
	return s.Reason != nil && s.GetReason() == mesos.REASON_TASK_CHECK_STATUS_UPDATED
}

// health is the course of a task's health as its updates tell it: + for healthy, - for not.
func (s *subject) health(t *testing.T) string {
	t.Helper()
	var course strings.Builder
	for _, status := range s.stored() {
		if !ofHealth(status) {
			continue
		}
		if status.Healthy == nil || status.GetState() != mesos.TASK_RUNNING || status.Data != nil ||
			len(status.GetContainerStatus().GetNetworkInfos()) == 0 {
			t.Fatalf("update of the health: %+v", status)
		}
		course.WriteString(map[bool]string{true: "+", false: "-"}[*status.Healthy])
	}
	return course.String()
}

// awaitHealth waits until a task's health has had a course that begins so.
func (s *subject) awaitHealth(t *testing.T, course string) {
	t.Helper()
	environment.Eventually(t, patience, "the health "+course, func() bool {
		got := s.health(t)
		if !strings.HasPrefix(got, course[:min(len(got), len(course))]) {
			t.Fatalf("the health was %s, want %s: %s", got, course, story(s.stored()))
		}
		return strings.HasPrefix(got, course)
	})
}

// finish kills the task, and sees that nothing but its end follows.
func (s *subject) finish(t *testing.T) {
	t.Helper()
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	s.end(t)
	if seen := states(s.stored()); !strings.HasSuffix(seen, "RUNNING KILLING KILLED") {
		t.Errorf("states %s", seen)
	}
}

// exec runs a line of shell in the task's container.
func (s *subject) exec(t *testing.T, line string) {
	t.Helper()
	id := inspected(t, s.awaitState(t, mesos.TASK_RUNNING)).ID
	exec, err := s.h.docker.ContainerExecCreate(t.Context(), id, container.ExecOptions{Cmd: []string{"sh", "-c", line}})
	if err == nil {
		err = s.h.docker.ContainerExecStart(t.Context(), exec.ID, container.ExecStartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sleeper is a task with an address of its own that does nothing, or what a line of shell says, until it is told to stop.
func sleeper(t *testing.T, line ...string) mesos.TaskInfo {
	t.Helper()
	info := shell(t, strings.Join(append(line, "trap 'exit 0' TERM; while :; do sleep 0.05; done"), "; "))
	bridge(&info)
	return info
}

// soon is a health check that is carried out at once and often, with no grace period.
func soon(change func(*mesos.HealthCheck)) *mesos.HealthCheck {
	check := &mesos.HealthCheck{
		DelaySeconds: new(float64(0)), IntervalSeconds: new(0.1), GracePeriodSeconds: new(float64(0)), ConsecutiveFailures: new(uint32(3)),
	}
	change(check)
	return check
}

func healthCommand(line string) *mesos.HealthCheck {
	return soon(func(c *mesos.HealthCheck) {
		c.Type, c.Command = mesos.HealthCheck_COMMAND, &mesos.CommandInfo{Value: &line}
	})
}

// wantHealthy runs a task whose health check must succeed at once, and says so once.
func wantHealthy(t *testing.T, info mesos.TaskInfo) {
	t.Helper()
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		if first := s.awaitState(t, mesos.TASK_RUNNING); first.Healthy != nil {
			t.Errorf("healthy %v before the first probe", *first.Healthy)
		}
		s.awaitHealth(t, "+")
		s.finish(t)
		if got := s.health(t); got != "+" {
			t.Errorf("the health was %s", got)
		}
	})
}

func healthyTask(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand("exit 0")
	wantHealthy(t, info)
}

func healthyTaskNonShell(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = soon(func(c *mesos.HealthCheck) {
		c.Type = mesos.HealthCheck_COMMAND
		c.Command = &mesos.CommandInfo{Shell: new(false), Value: new("test"), Arguments: []string{"-d", "/"}}
	})
	wantHealthy(t, info)
}

func healthyTaskWithQuotedCommand(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand(`x="a  'b'"; [ "$(printf '%s' "$x")" = "a  'b'" ] && [ '$x' = "\$x" ]`)
	wantHealthy(t, info)
}

// A check's own variables are the command's, and the task's are too.
func environmentSetup(t *testing.T) {
	info := sleeper(t)
	info.Command.Environment = variables("OF_THE_TASK=a b", "OF_BOTH=task")
	info.HealthCheck = healthCommand(`[ "$OF_THE_TASK $OF_THE_CHECK $OF_BOTH" = "a b c d check" ]`)
	info.HealthCheck.Command.Environment = variables("OF_THE_CHECK=c d", "OF_BOTH=check")
	wantHealthy(t, info)
}

// The command alternates between success and failure, and each is told.
func healthStatusChange(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand(`if [ -e /flag ]; then rm /flag; else touch /flag; exit 1; fi`)
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.awaitHealth(t, "-+-+-+")
		s.finish(t)
	})
}

// So many failures in a row end a task: the last is told first, and then the end, with the reason.
func consecutiveFailures(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand("echo out of order; exit 5")
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.end(t)
		all := s.stored()
		if got := states(all); got != "STARTING RUNNING RUNNING RUNNING RUNNING KILLING KILLED" || s.health(t) != "---" {
			t.Errorf("%s, health %s", story(all), s.health(t))
		}
		last := all[len(all)-1]
		wantMessage(t, last, mesos.TASK_KILLED, "Container exited with status 0", "health check failed 3 times in a row", "status 5", "out of order")
		if last.Healthy == nil || *last.Healthy || last.Reason != nil {
			t.Errorf("at the end: %+v", last)
		}
	})
}

// Failures within the grace period are not told and do not count.
func gracePeriod(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand("test -e /well")
	info.HealthCheck.GracePeriodSeconds = new(patience.Seconds())
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.exec(t, "sleep 1; touch /well")
		s.awaitHealth(t, "+")
		s.finish(t)
	})
}

// The first success ends the grace period.
func unhealthyWithinGracePeriod(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand("[ ! -e /flag ] && touch /flag")
	info.HealthCheck.GracePeriodSeconds = new(patience.Seconds())
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.end(t)
		if got := s.health(t); got != "+---" {
			t.Errorf("the health was %s", got)
		}
	})
}

// A command that takes too long has failed.
func healthCommandTimeout(t *testing.T) {
	info := sleeper(t)
	info.HealthCheck = healthCommand("sleep 1234")
	info.HealthCheck.TimeoutSeconds, info.HealthCheck.ConsecutiveFailures = new(0.2), new(uint32(1))
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.end(t)
		all := s.stored()
		wantMessage(t, all[len(all)-1], mesos.TASK_KILLED, "health check failed", "timed out")
	})
}

// viaNetwork has a server in a network of its own probed from within, over IPv4 and IPv6. The protocol of a TCP check is heeded
// too, which stock does not.
func viaNetwork(change func(*mesos.HealthCheck, *mesos.NetworkInfo_Protocol), command ...string) func(*testing.T) {
	return func(t *testing.T) {
		for name, protocol := range map[string]*mesos.NetworkInfo_Protocol{"IPv4": mesos.IPv4.Enum(), "IPv6": mesos.IPv6.Enum()} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				_, _, join := networkOf(t, h, protocol.String() == "IPv6")
				info := dockerTask(t, environment.Probe(t), mesos.CommandInfo{Shell: new(false), Arguments: command})
				join(&info)
				info.HealthCheck = soon(func(c *mesos.HealthCheck) { change(c, protocol) })
				info.HealthCheck.GracePeriodSeconds = new(patience.Seconds())
				s := subjectV0(t, h, info)
				healthy := s.await(t, "health", ofHealth)
				if got := addresses(healthy); !*healthy.Healthy || len(got) == 0 || !strings.HasPrefix(got[0], "10.") {
					t.Errorf("healthy %v with addresses %v", *healthy.Healthy, got)
				}
				s.finish(t)
			})
		}
	}
}

func overHTTP(scheme string) func(*mesos.HealthCheck, *mesos.NetworkInfo_Protocol) {
	return func(c *mesos.HealthCheck, protocol *mesos.NetworkInfo_Protocol) {
		c.Type = mesos.HealthCheck_HTTP
		c.HTTP = &mesos.HealthCheck_HTTPCheckInfo{Port: 8080, Path: new("/probe/report"), Scheme: &scheme, Protocol: protocol}
	}
}

func overHTTPWithoutType(c *mesos.HealthCheck, protocol *mesos.NetworkInfo_Protocol) {
	c.HTTP = &mesos.HealthCheck_HTTPCheckInfo{Port: 8080, Protocol: protocol}
}

func overTCP(c *mesos.HealthCheck, protocol *mesos.NetworkInfo_Protocol) {
	c.Type, c.TCP = mesos.HealthCheck_TCP, &mesos.HealthCheck_TCPCheckInfo{Port: 8080, Protocol: protocol}
}
