package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
)

const eventsUsage = `
Usage: mesos-docker-containerizer events [--json] [NAME...] [FLAG...]

Prints the tasks as they are, and then each change of a task's state or health as it happens, until Ctrl-C, the end of the daemon or that of
the reader (| head -1): time, state, health, task and, in words, what the task is doing. With names it prints those of tasks of which a name begins with one of them, as in ps.

With --json each line is a JSON object with the fields of ps --json.

Exit status: 0 when ended by a signal or the reader, 2 when a flag or setting is wrong, 3 when no daemon answers or it has ended.
`

// showEvents prints changes as they happen.
func showEvents(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "a JSON object for each change")
	return func(t terminal, c *config.Config, arguments []string) error {
		ctx, stop := t.untilLeft()
		defer stop()
		stream, err := openDaemon(ctx, c, http.MethodGet, "/events", nil)
		if err != nil {
			return err
		}
		defer stream.Close()
		known, err := askTasks(c, psTimeout) // after the stream is open, so that no change is between the two
		if err != nil {
			return err
		}
		for _, r := range withNames(known, arguments) {
			if err := t.showEvent(r.Since, r, *asJSON); err != nil {
				return err
			}
		}
		changes := json.NewDecoder(stream)
		for {
			change := make([]containerizer.TaskReport, 1)
			if err := changes.Decode(&change[0]); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return withStatus(exitEnvironment, errors.New("the daemon tells no more: it has ended, or this reader is too slow"))
			}
			for _, r := range withNames(change, arguments) {
				if err := t.showEvent(time.Now(), r, *asJSON); err != nil {
					return err
				}
			}
		}
	}
}

func (t terminal) showEvent(at time.Time, r containerizer.TaskReport, asJSON bool) error {
	if asJSON {
		return tasklist.WriteJSON(t.stdout, r, "")
	}
	_, err := fmt.Fprintf(t.stdout, "%s %-8s %-9s %s %s\n", at.Local().Format(time.RFC3339), r.State, cmp.Or(r.Health, "-"),
		tasklist.Clean(r.Task), tasklist.Clean(r.Doing))
	return err
}
