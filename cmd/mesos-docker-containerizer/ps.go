package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/internal/lookup"
)

const psUsage = `
Usage: mesos-docker-containerizer ps [FLAG...] [NAME...]

Lists the tasks of the daemon on this host (the one on --run_dir) and what each is doing: waiting, pulling and how far, running,
ended. With names it lists the tasks of which a name begins with one of them: task, app, container or its id. Containers whose executors are not attached are not listed; the docker command shows them with
--filter label=mesos-docker-containerizer.instance.

Exit status: 0, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// psTimeout bounds the daemon's answer.
const psTimeout = 10 * time.Second

// ps asks the daemon for its tasks.
func ps(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "one JSON list instead of a table")
	return func(t terminal, c *config.Config, arguments []string) error {
		var reports []containerizer.TaskReport
		if err := askDaemon(c, http.MethodGet, "/tasks", psTimeout, &reports); err != nil {
			return err
		}
		reports = withNames(reports, arguments)
		if *asJSON {
			return json.NewEncoder(t.stdout).Encode(reports)
		}
		return printTasks(t.stdout, reports, time.Now())
	}
}

// withNames are the tasks of which a name begins with one of the words, or all tasks without words.
func withNames(reports []containerizer.TaskReport, words []string) []containerizer.TaskReport {
	if len(words) == 0 {
		return reports
	}
	found := []containerizer.TaskReport{}
	for _, word := range words {
		for _, r := range lookup.All(reports, containerizer.TaskReport.Names, word) {
			if !slices.Contains(found, r) {
				found = append(found, r)
			}
		}
	}
	return found
}

func printTasks(w io.Writer, reports []containerizer.TaskReport, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "TASK\tFRAMEWORK\tEXECUTOR PID\tCONTAINER\tFOR\tSTATE")
	for _, r := range reports {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", r.Task, r.Framework, r.PID, r.Container,
			now.Sub(r.Since).Round(time.Second), r.State)
	}
	return table.Flush()
}
