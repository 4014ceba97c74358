package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
)

const eventsUsage = `
Usage: mesos-docker-containerizer events [--json] [NAME...] [FLAG...]

Prints each change of a task's state or health as it happens, until Ctrl-C or the end of the daemon: time, state, health, task and, in
words, what the task is doing. With names it prints those of tasks of which a name begins with one of them, as in ps.

With --json each line is a JSON object with the fields of ps --json.

Exit status: 0 when ended by a signal, 2 when a flag or setting is wrong, 3 when no daemon answers or it has ended.
`

// showEvents prints changes as they happen.
func showEvents(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "a JSON object for each change")
	return func(t terminal, c *config.Config, arguments []string) error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		stream, err := openDaemon(ctx, c, http.MethodGet, "/events", nil)
		if err != nil {
			return err
		}
		defer stream.Close()
		changes := json.NewDecoder(stream)
		for {
			var r containerizer.TaskReport
			if err := changes.Decode(&r); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return withStatus(exitEnvironment, errors.New("the daemon tells no more: it has ended, or this reader is too slow"))
			}
			if len(withNames([]containerizer.TaskReport{r}, arguments)) == 0 {
				continue
			}
			if *asJSON {
				err = tasklist.WriteJSON(t.stdout, r, "")
			} else {
				_, err = fmt.Fprintf(t.stdout, "%s %-8s %-9s %s %s\n", time.Now().Format(time.RFC3339), r.State, orDash(string(r.Health)),
					tasklist.Clean(r.Task), tasklist.Clean(r.Doing))
			}
			if err != nil {
				return err
			}
		}
	}
}

// orDash stands for what is empty.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
