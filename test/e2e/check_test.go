package e2e

import (
	"fmt"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
)

// checkText is what a status says of the task's check: "exit 3", "status 200", "open", "closed", or "nothing" where no value is
// known.
func checkText(t *testing.T, s mesos.TaskStatus) string {
	t.Helper()
	c := s.CheckStatus
	switch {
	case c == nil:
		t.Fatalf("%s says nothing of the check", s.GetState())
	case c.GetType() == mesos.CheckInfo_COMMAND && c.Command != nil && c.HTTP == nil && c.TCP == nil:
		if c.Command.ExitCode != nil {
			return fmt.Sprint("exit ", *c.Command.ExitCode)
		}
		return "nothing"
	case c.GetType() == mesos.CheckInfo_HTTP && c.HTTP != nil && c.Command == nil && c.TCP == nil:
		if c.HTTP.StatusCode != nil {
			return fmt.Sprint("status ", *c.HTTP.StatusCode)
		}
		return "nothing"
	case c.GetType() == mesos.CheckInfo_TCP && c.TCP != nil && c.Command == nil && c.HTTP == nil:
		if c.TCP.Succeeded != nil {
			return map[bool]string{true: "open", false: "closed"}[*c.TCP.Succeeded]
		}
		return "nothing"
	}
	t.Fatalf("a check status that no agent takes: %+v", c)
	return ""
}

// check is the course of a task's check as its updates tell it.
func (s *subject) check(t *testing.T) string {
	t.Helper()
	var course []string
	for _, status := range s.stored() {
		if text := checkText(t, status); ofCheck(status) {
			course = append(course, text)
			if status.GetState() != mesos.TASK_RUNNING || len(status.GetContainerStatus().GetNetworkInfos()) == 0 {
				t.Fatalf("update of the check: %+v", status)
			}
		}
	}
	return strings.Join(course, ", ")
}

// awaitCheck waits until a task's check has had a course that begins so.
func (s *subject) awaitCheck(t *testing.T, course string) {
	t.Helper()
	environment.Eventually(t, patience, "the check "+course, func() bool {
		got := s.check(t)
		if !strings.HasPrefix(got, course[:min(len(got), len(course))]) {
			t.Fatalf("the check said %s, want %s: %s", got, course, story(s.stored()))
		}
		return strings.HasPrefix(got, course)
	})
}

// soonChecked is a check that is carried out at once and often.
func soonChecked(change func(*mesos.CheckInfo)) *mesos.CheckInfo {
	check := &mesos.CheckInfo{DelaySeconds: new(float64(0)), IntervalSeconds: new(0.1)}
	change(check)
	return check
}

func checkCommand(line string) *mesos.CheckInfo {
	return soonChecked(func(c *mesos.CheckInfo) {
		c.Type = mesos.CheckInfo_COMMAND
		c.Command = &mesos.CheckInfo_Command{Command: mesos.CommandInfo{Value: &line}}
	})
}

// wantCheck runs a task whose check goes a course, from nothing in the first updates to its last value in those of the end.
func wantCheck(info mesos.TaskInfo, course ...string) func(*testing.T) {
	return func(t *testing.T) {
		onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
			s := launch(info)
			if first := s.awaitState(t, mesos.TASK_RUNNING); checkText(t, first) != "nothing" || first.Healthy != nil {
				t.Errorf("at first: %+v", first)
			}
			s.awaitCheck(t, strings.Join(course, ", "))
			s.finish(t)
			all := s.stored()
			last := ""
			for _, status := range all {
				if ofCheck(status) {
					last = checkText(t, status)
				}
			}
			if got := checkText(t, all[len(all)-1]); got != last {
				t.Errorf("at the end the check is %s, it was %s", got, last)
			}
		})
	}
}

func commandCheckDelivered(t *testing.T) {
	info := sleeper(t)
	info.Check = checkCommand("exit 3")
	wantCheck(info, "exit 3")(t)
}

func commandCheckStatusChange(t *testing.T) {
	info := sleeper(t)
	info.Check = checkCommand("if [ -e /flag ]; then rm /flag; exit 3; fi; touch /flag")
	wantCheck(info, "exit 0", "exit 3", "exit 0", "exit 3")(t)
}

func commandCheckSeesParentsEnv(t *testing.T) {
	info := sleeper(t)
	info.Command.Environment = variables("CODE=17")
	info.Check = checkCommand(`exit "$CODE"`)
	wantCheck(info, "exit 17")(t)
}

func commandCheckSharesWorkDir(t *testing.T) {
	info := sleeper(t, "touch of-the-task")
	info.Check = checkCommand("while [ ! -e of-the-task ]; do sleep 0.05; done; exit 4")
	wantCheck(info, "exit 4")(t)
}

// A command that takes too long leaves nothing known.
func commandCheckTimeout(t *testing.T) {
	info := sleeper(t)
	info.Check = checkCommand("[ -e /flag ] && sleep 1234; touch /flag")
	info.Check.TimeoutSeconds = new(5.0) // in which the first ends, also where many start at once
	wantCheck(info, "exit 0", "nothing")(t)
}

func httpCheckDelivered(t *testing.T) {
	info := dockerTask(t, environment.Probe(t), mesos.CommandInfo{Shell: new(false), Arguments: []string{"http", "8080"}})
	bridge(&info)
	info.Check = soonChecked(func(c *mesos.CheckInfo) {
		c.Type, c.HTTP = mesos.CheckInfo_HTTP, &mesos.CheckInfo_Http{Port: 8080, Path: new("/nothing/there")}
	})
	wantCheck(info, "status 404")(t)
}

func tcpCheckDelivered(t *testing.T) {
	info := sleeper(t, "(sleep 1; httpd -f -p 8080) & :")
	info.Check = soonChecked(func(c *mesos.CheckInfo) {
		c.Type, c.TCP = mesos.CheckInfo_TCP, &mesos.CheckInfo_Tcp{Port: 8080}
	})
	wantCheck(info, "closed", "open")(t)
}

// A check and a health check of one task hide neither one another nor the task's addresses.
func checkAndHealthCheckNoShadowing(t *testing.T) {
	info := sleeper(t)
	info.Check = checkCommand("if [ -e /flag ]; then exit 3; fi; exit 4")
	info.HealthCheck = healthCommand("[ -e /flag ]")
	info.HealthCheck.ConsecutiveFailures = new(uint32(1000))
	onBoth(t, func(t *testing.T, launch func(mesos.TaskInfo) *subject) {
		s := launch(info)
		s.awaitBoth(t, false, "exit 4")
		s.exec(t, "touch /flag")
		s.awaitBoth(t, true, "exit 3")
		s.finish(t)
		healthKnown, checkKnown := false, false
		for _, status := range s.stored() {
			if terminal(status) {
				continue
			}
			if healthKnown && status.Healthy == nil || checkKnown && checkText(t, status) == "nothing" {
				t.Errorf("%s hides what was known: %+v", status.GetState(), status)
			}
			healthKnown = healthKnown || ofHealth(status)
			checkKnown = checkKnown || ofCheck(status)
		}
	})
}

// awaitBoth waits for an update that tells of the task's health and of its check.
func (s *subject) awaitBoth(t *testing.T, healthy bool, check string) {
	t.Helper()
	s.await(t, fmt.Sprintf("healthy %v and %s", healthy, check), func(status mesos.TaskStatus) bool {
		return status.Healthy != nil && *status.Healthy == healthy && checkText(t, status) == check &&
			len(status.GetContainerStatus().GetNetworkInfos()) == 1
	})
}
