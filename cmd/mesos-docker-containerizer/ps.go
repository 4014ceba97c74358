package main

import (
	"flag"
	"fmt"
	"time"

	"golang.org/x/term"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/internal/lookup"
)

const psUsage = `
Usage: mesos-docker-containerizer ps [FLAG...] [NAME...]

Lists the tasks of the daemon on this host (the one on --run_dir): state, age of the container, health, image. With names it lists the
tasks of which a name begins with one of them: task, app, container or its id. Containers whose executors are not attached are not
listed; the docker command shows them with --filter label=mesos-docker-containerizer.instance.

States: waiting (for the Docker Engine, for other pulls or to try a pull again; --wide says which), pulling, starting, running, stopping,
ended (its last update is on the way). Health is what the last probe of the task's health check has found: healthy, unhealthy, unknown
before the first, - without one.

On a terminal the table fits its width. Where there is room, what is left of a task's name is enough to ask for it; --wide has it whole.

Fields of --format: Task, App, Framework, Executor, PID, Container, ContainerID, Route, State, Doing, Health, Image, Memory (the limit),
Used.Usage, Used.Peak and Used.Kills (of memory, in bytes, and processes killed for lack of it), Ports, Sandbox, Age, Created, Started,
Since (of the state), as in

  mesos-docker-containerizer ps --format '{{.Task}} {{.State}}'
  mesos-docker-containerizer ps --format 'table {{.Task}}\t{{.Ports}}'

Exit status: 0, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// psTimeout bounds the daemon's answer.
const psTimeout = 10 * time.Second

// watchInterval is the time between two looks of ps --watch.
const watchInterval = time.Second

// ps asks the daemon for its tasks.
func ps(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "one JSON list instead of a table")
	wide := own.Bool("wide", false, "all columns, nothing cut: also ports, limit of memory, route, executor, container, sandbox, what it is doing")
	format := own.String("format", "", "each task as a Go `TEMPLATE` says, as docker's; with \"table \" before it, with titles")
	watch := own.Bool("watch", false, "look again and again, until Ctrl-C")
	return func(t terminal, c *config.Config, arguments []string) error {
		show := func() error {
			reports, err := askTasks(c, psTimeout)
			if err != nil {
				return err
			}
			reports = withNames(reports, arguments)
			switch {
			case *asJSON:
				return tasklist.WriteJSON(t.stdout, reports, "")
			case *format != "":
				return withStatus(exitUsage, tasklist.Format(t.stdout, *format, reports, time.Now()))
			}
			return tasklist.Table(t.stdout, reports, tasklist.Options{Wide: *wide, Width: t.width(), Now: time.Now()})
		}
		if *watch {
			return t.watch(show)
		}
		return show()
	}
}

// watch calls show again and again until the person ends it. It waits for a daemon that is restarted meanwhile.
func (t terminal) watch(show func() error) error {
	ctx, stop := t.untilLeft()
	defer stop()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if t.width() > 0 {
			const clear = "\x1b[H\x1b[2J"
			fmt.Fprint(t.stdout, clear)
		}
		err := show()
		if daemonAway(err) {
			fmt.Fprintln(t.stderr, program+":", err)
		} else if err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// width is that of the terminal at stdout; 0 where there is none.
func (t terminal) width() int {
	fd := int(t.stdout.Fd())
	if !term.IsTerminal(fd) {
		return 0
	}
	width, _, err := term.GetSize(fd)
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// withNames returns the tasks that have a name which begins with one of the words. Without words it returns all tasks.
func withNames(reports []containerizer.TaskReport, words []string) []containerizer.TaskReport {
	return matching(reports, containerizer.TaskReport.Names, words)
}

// matching is withNames for any type that has the names of a task. The order is that of the words.
func matching[T any](all []T, names func(T) lookup.Names, words []string) []T {
	if len(words) == 0 {
		return all
	}
	found, seen := []T{}, map[lookup.Names]bool{}
	for _, word := range words {
		for _, item := range lookup.All(all, names, word) {
			if !seen[names(item)] {
				seen[names(item)] = true
				found = append(found, item)
			}
		}
	}
	return found
}
