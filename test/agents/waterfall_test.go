package agents

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
)

// A step is what a launch or a kill has reached.
const (
	assigned   = "agent has the task"
	forked     = "executor is started"
	registered = "executor has registered"
	sent       = "executor has the task"
	created    = "container is created"
	began      = "container is started"
	running    = "agent has TASK_RUNNING"

	killAsked = "framework kills"
	killKnown = "agent has the kill"
	killing   = "agent has TASK_KILLING"
	signalled = "Engine tells its signal"
	gone      = "process has ended"
	died      = "Engine tells the end"
	ended     = "agent has TASK_KILLED"
	forwarded = "agent sends TASK_KILLED"
	heard     = "framework has TASK_KILLED"
)

// The steps of a launch and of a kill, in the order in which they are reached.
var (
	launchSteps = []string{assigned, forked, registered, sent, created, began, running}
	killSteps   = []string{killAsked, killKnown, killing, signalled, gone, died, ended, forwarded, heard}
)

// logLines are what agents log of a step; %[1]s stands for the task's id, and for its executor's, which is the same.
var logLines = map[string]string{
	assigned:   `Got assigned task '%[1]s'`,
	forked:     `(?:Starting container '?\S+'? for (?:task '%[1]s'|executor '%[1]s')|Launching container \S+ for executor '%[1]s')`,
	registered: `(?:Got registration for executor '%[1]s'|Received Subscribe request for HTTP executor '%[1]s')`,
	sent:       `Sending queued task '%[1]s'`,
	running:    `Handling status update TASK_RUNNING .*for task %[1]s `,
	killKnown:  `Asked to kill task %[1]s `,
	killing:    `Handling status update TASK_KILLING .*for task %[1]s `,
	ended:      `Handling status update TASK_KILLED .*for task %[1]s `,
	forwarded:  `Forwarding the update TASK_KILLED .*for task %[1]s `,
}

// engineEvents are the Engine's events of a step.
var engineEvents = map[events.Action]string{
	events.ActionCreate: created, events.ActionStart: began, events.ActionKill: signalled, events.ActionDie: died,
}

// lineTime is the time at the head of a line of glog's: severity, month and day, time of day, thread.
var lineTime = regexp.MustCompile(`^[IWEF](\d{4,8} \d\d:\d\d:\d\d\.\d{6})`)

// stepsOf reads from an agent's log when a task has reached its steps, in the time zone of the host. The year is that of now.
func stepsOf(log, task string, now time.Time) map[string]time.Time {
	found, patterns := map[string]time.Time{}, map[string]*regexp.Regexp{}
	for step, line := range logLines {
		patterns[step] = regexp.MustCompile(fmt.Sprintf(line, regexp.QuoteMeta(task)))
	}
	for line := range strings.Lines(log) {
		stamp := lineTime.FindStringSubmatch(line)
		if stamp == nil || !strings.Contains(line, task) {
			continue
		}
		layout, text := "20060102 15:04:05.000000", stamp[1]
		if strings.IndexByte(text, ' ') == 4 { // glog before 0.6 has no year
			text = now.Format("2006") + text
		}
		at, err := time.ParseInLocation(layout, text, now.Location())
		if err != nil {
			continue
		}
		for step, pattern := range patterns {
			if _, known := found[step]; !known && pattern.MatchString(line) {
				found[step] = at
			}
		}
	}
	return found
}

// waterfall is the median time from the first of the steps to each. Steps that were not seen of every task are left out.
func waterfall(steps []string, tasks []map[string]time.Time) map[string]time.Duration {
	medians := map[string]time.Duration{}
	for _, step := range steps {
		var all []time.Duration
		for _, of := range tasks {
			if at, ok := of[step]; ok && !of[steps[0]].IsZero() {
				all = append(all, at.Sub(of[steps[0]]))
			}
		}
		if len(all) > 0 && len(all) == len(tasks) {
			medians[step] = median(all)
		}
	}
	return medians
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
