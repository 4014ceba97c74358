package agents

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// A step is what a launch has reached, in the order in which it does.
const (
	assigned   = "agent has the task"
	forked     = "executor is started"
	registered = "executor has registered"
	sent       = "executor has the task"
	created    = "container is created"
	began      = "container is started"
	running    = "agent has TASK_RUNNING"
)

var steps = []string{assigned, forked, registered, sent, created, began, running}

// logLines are what agents log of a step; TASK stands for the task's id, and for its executor's, which is the same.
var logLines = map[string]*regexp.Regexp{
	assigned:   regexp.MustCompile(`Got assigned task 'TASK'`),
	forked:     regexp.MustCompile(`(?:Starting container '?\S+'? for (?:task 'TASK'|executor 'TASK')|Launching container \S+ for executor 'TASK')`),
	registered: regexp.MustCompile(`(?:Got registration for executor 'TASK'|Received Subscribe request for HTTP executor 'TASK')`),
	sent:       regexp.MustCompile(`Sending queued task 'TASK'`),
	running:    regexp.MustCompile(`Handling status update TASK_RUNNING .*for task TASK `),
}

// lineTime is the time at the head of a line of glog's: severity, month and day, time of day, thread.
var lineTime = regexp.MustCompile(`^[IWEF](\d{4,8} \d\d:\d\d:\d\d\.\d{6})`)

// stepsOf reads from an agent's log when a task has reached its steps, in the time zone of the host. The year is that of now.
func stepsOf(log, task string, now time.Time) map[string]time.Time {
	found := map[string]time.Time{}
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
		for step, pattern := range logLines {
			general := regexp.MustCompile(strings.ReplaceAll(pattern.String(), "TASK'", regexp.QuoteMeta(task)+"'"))
			if step == running {
				general = regexp.MustCompile(strings.Replace(pattern.String(), "task TASK ", "task "+regexp.QuoteMeta(task)+" ", 1))
			}
			if _, known := found[step]; !known && general.MatchString(line) {
				found[step] = at
			}
		}
	}
	return found
}

// waterfall is the median time from the assignment to each step. Steps that were not seen of every launch are left out.
func waterfall(launches []map[string]time.Time) map[string]time.Duration {
	medians := map[string]time.Duration{}
	for _, step := range steps {
		var all []time.Duration
		for _, l := range launches {
			if at, ok := l[step]; ok && !l[assigned].IsZero() {
				all = append(all, at.Sub(l[assigned]))
			}
		}
		if len(all) > 0 && len(all) == len(launches) {
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
