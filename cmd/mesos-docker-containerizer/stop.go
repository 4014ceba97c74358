package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
)

const stopUsage = `
Usage: mesos-docker-containerizer stop [--grace=TIME] TASK [FLAG...]

Ends a task as a kill by its framework does: the container gets its stop signal, and SIGKILL when the task's grace period is over. The
task's executor reports TASK_KILLED, "stopped by an admin of this host". What the framework then does is its own business: Marathon
starts another instance, here or elsewhere. stop returns when the task has ended. Ctrl-C ends the wait, and not the stop.

TASK is the beginning of a name, as in ps. The daemon logs who has asked. An executor of a release without this refuses; kill its task
in the framework.

Exit status: 0 when the task has ended, 1 when it cannot be stopped, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// stop has a task's executor end it.
func stop(own *flag.FlagSet) action {
	grace := own.Duration("grace", -1, "`TIME` between the stop signal and SIGKILL, as 30s; default: the task's own")
	return func(t terminal, c *config.Config, arguments []string) error {
		if *grace < -1 {
			return withStatus(exitUsage, fmt.Errorf("--grace=%v is negative", *grace))
		}
		task, err := askOne(c, arguments)
		if err != nil {
			return err
		}
		var order containerizer.StopRequest
		if *grace >= 0 {
			order.Grace = grace
		}
		ctx, leave := signal.NotifyContext(context.Background(), os.Interrupt)
		defer leave()
		var ended containerizer.TaskReport
		if err := tellDaemon(ctx, c, http.MethodPost, pathOf(task, "/stop"), order, &ended); err != nil {
			if ctx.Err() != nil {
				return errors.New("the task's stop goes on, and is not waited for")
			}
			return err
		}
		_, err = fmt.Fprintf(t.stdout, "%s %s\n", tasklist.Clean(task.Task), tasklist.Clean(ended.Doing))
		return err
	}
}

// inspectTimeout is more than the Engine's limit for an inspect.
const inspectTimeout = time.Minute

const inspectUsage = `
Usage: mesos-docker-containerizer inspect TASK [FLAG...]

Prints all that is known of a task as a JSON object: the fields of ps --json, and in "engine" what the Docker Engine says of its
container, without the values of variables, which may be secrets. If the Engine does not answer, "engine_error" says so.

TASK is the beginning of a name, as in ps.

Exit status: 0, 1 when there is no such task, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// inspect prints all that is known of a task.
func inspect(*flag.FlagSet) action {
	return func(t terminal, c *config.Config, arguments []string) error {
		task, err := askOne(c, arguments)
		if err != nil {
			return err
		}
		var found containerizer.Inspection
		if err := askDaemon(c, http.MethodGet, pathOf(task, ""), inspectTimeout, &found); err != nil {
			return err
		}
		return tasklist.WriteJSON(t.stdout, found, "  ")
	}
}
