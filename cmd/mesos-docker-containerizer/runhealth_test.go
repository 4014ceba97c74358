package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A Marathon app whose health check fails is run as Mesos would: its health is shown as it changes, beside what its check says,
// and when it has failed too often it is killed.
func TestRunShowsHealth(t *testing.T) {
	const checks = `,
		"healthChecks": [{"protocol": "COMMAND", "command": {"value": "[ ! -e /ill ] && touch /seen"}, "delaySeconds": 0, "intervalSeconds": 0,
			"gracePeriodSeconds": 0, "maxConsecutiveFailures": 2}],
		"check": {"exec": {"command": {"shell": "touch /checked; exit 4"}}, "delaySeconds": 0, "intervalSeconds": 0}`
	// It falls ill when both have been made once.
	script := "trap 'exit 0' TERM; until [ -e /seen ] && [ -e /checked ]; do sleep 0.05; done; touch /ill; while :; do sleep 0.05; done"
	t.Run("as text", func(t *testing.T) {
		t.Parallel()
		id := unique(t)
		p := start(t, "run", file(t, shell(t, id, script, checks)))
		p.wantStatus(exitFailed)
		for _, want := range []string{" TASK_RUNNING healthy", " TASK_RUNNING unhealthy", "(check exited with 4)",
			"TASK_KILLED unhealthy", "killed because its health check failed 2 times in a row"} {
			if !strings.Contains(p.out(), want) {
				t.Errorf("the output lacks %q", want)
			}
		}
		nothingLeft(t, id)
	})
	t.Run("as JSON", func(t *testing.T) {
		t.Parallel()
		id := unique(t)
		p := start(t, "run", "--output=json", file(t, shell(t, id, script, checks)))
		p.wantStatus(exitFailed)
		var health, check []string
		for _, e := range p.events() {
			switch e.Reason {
			case "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED":
				health = append(health, fmt.Sprint(*e.Healthy))
			case "REASON_TASK_CHECK_STATUS_UPDATED":
				check = append(check, fmt.Sprint(e.Check.Type, " ", *e.Check.ExitCode))
			}
		}
		if want := []string{"true", "false", "false"}; !slices.Equal(health, want) {
			t.Errorf("the health was %q, want %q", health, want)
		}
		if want := []string{"COMMAND 4"}; !slices.Equal(check, want) {
			t.Errorf("the check said %q, want %q", check, want)
		}
		nothingLeft(t, id)
	})
}
