package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/drain"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
)

const drainUsage = `
Usage: mesos-docker-containerizer drain [--timeout=TIME] [FLAG...]

Prints the call to the Mesos master that drains this host, as a line of curl to paste, and waits until no task of the daemon is left:
DRAIN_AGENT of Mesos 1.9 and newer, the maintenance schedule of 0.25 to 1.8, with id, address and master as the running agent tells them.
Where the agent does not answer, the line has placeholders. Add -u PRINCIPAL:SECRET where the master authenticates operators.

What is left is listed at first and whenever it changes: each task, its state, since when, and what it is doing. Progress of a pull is no
change. When no task has been left for 5 seconds it says so, and prints the call for when the work on the host is done. A daemon that is
restarted meanwhile is waited for.

It only watches. Launches are not refused, as the master would offer the host on and on, and frameworks would back off: until the master
has the call, new tasks come.

Exit status: 0 when no task is left, 1 when the time is up or the wait was interrupted, 2 when a flag or setting is wrong, 3 when no daemon
answers at first.
`

// drainHost prints how to drain the host and watches it.
func drainHost(own *flag.FlagSet) action {
	agent := own.String("agent", "", agentUsage)
	limit := own.Duration("timeout", 0, "`TIME` to wait at most, as 30m; default: without an end")
	return func(t terminal, c *config.Config, _ []string) error {
		if *limit < 0 {
			return withStatus(exitUsage, fmt.Errorf("--timeout=%v: want a time, or 0 for no end", *limit))
		}
		t.warnUnusable(c, "ip", "port")
		state, problem := askAgent(c, *agent, (*liveagent.Agent).State)
		if errors.Is(problem, errAddress) {
			return withStatus(exitUsage, problem)
		}
		calls := drain.CallsFor(state, problem, time.Now())
		if _, err := fmt.Fprint(t.stdout, calls.Now); err != nil {
			return err
		}
		ctx, stop := t.untilLeft()
		defer stop()
		left, err := drain.Wait(ctx, t.drainWatch(c, *limit))
		switch {
		case err == nil:
			_, err = fmt.Fprint(t.stdout, "no task is left\n", calls.Later)
		case errors.Is(err, drain.ErrLate):
			if errShow := t.showLeft(left); errShow != nil {
				return errShow
			}
			err = fmt.Errorf("not drained, %w: %s left", err, words.Count(len(left), "task"))
		case ctx.Err() != nil:
			err = fmt.Errorf("interrupted: %s left at the last look", words.Count(len(left), "task"))
		}
		return err
	}
}

func (t terminal) drainWatch(c *config.Config, limit time.Duration) drain.Watch {
	return drain.Watch{
		Limit: limit,
		Look: func(ctx context.Context) (reports []containerizer.TaskReport, err error) {
			ctx, cancel := context.WithTimeout(ctx, psTimeout)
			defer cancel()
			return reports, tellDaemon(ctx, c, http.MethodGet, "/tasks", nil, &reports)
		},
		Away: daemonAway,
		Left: t.showLeft,
		Gone: func(err error) { fmt.Fprintf(t.stderr, "%s: waiting for the daemon: %v\n", program, err) },
	}
}

// showLeft lists what is left.
func (t terminal) showLeft(left []containerizer.TaskReport) error {
	now := time.Now()
	if _, err := fmt.Fprintf(t.stdout, "\n%s %s left\n", now.Format(time.RFC3339), words.Count(len(left), "task")); err != nil {
		return err
	}
	return tasklist.Format(t.stdout, `table {{.Task}}\t{{.State}}\t{{.Since}}\t{{.Doing}}`, left, now)
}
