package main

import (
	"flag"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/mattn/go-runewidth"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/internal/lookup"
)

const statsUsage = `
Usage: mesos-docker-containerizer stats [--no-stream] [--json] [NAME...] [FLAG...]

Shows what the running tasks use, again each second until Ctrl-C: time of processors, of which 100% is one of them, memory with its limit
and the most that was used since the start. The kernel counts, so that it works while the Docker Engine hangs; memory includes files that
are cached, which the kernel gives up before it kills.

With names it shows the tasks of which a name begins with one of them, as in ps. With --no-stream it looks once, for a second. --json is
a JSON list of the tasks, looked at once, with "cpu" in nanoseconds since the start of the container.

Exit status: 0, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// stats shows what tasks use.
func stats(own *flag.FlagSet) action {
	once := own.Bool("no-stream", false, "look once")
	asJSON := own.Bool("json", false, "one JSON list, looked at once")
	return func(t terminal, c *config.Config, arguments []string) error {
		look := func() ([]containerizer.TaskStats, error) {
			var all []containerizer.TaskStats
			err := askDaemon(c, http.MethodGet, "/stats", psTimeout, &all)
			return matching(all, func(s containerizer.TaskStats) lookup.Names { return s.Names() }, arguments), err
		}
		before, err := look()
		if err != nil {
			return err
		}
		if *asJSON {
			return tasklist.WriteJSON(t.stdout, before, "")
		}
		if *once {
			<-time.After(watchInterval)
		}
		show := func() error {
			now, err := look()
			if err != nil {
				return err
			}
			defer func() { before = now }()
			return t.printStats(before, now)
		}
		if *once {
			return show()
		}
		return t.watch(show)
	}
}

// printStats writes a table of what tasks have used between two looks.
func (t terminal) printStats(before, now []containerizer.TaskStats) error {
	const others = 45 // the width of the other columns
	table := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "CPU\tMEMORY\tLIMIT\tPEAK\t  TASK")
	for _, s := range now {
		limit := "-"
		if s.Used.Limit > 0 {
			limit = units.BytesSize(float64(s.Used.Limit))
		}
		name := tasklist.Clean(s.Task)
		if width := t.width(); width > 0 {
			name = runewidth.Truncate(name, max(20, width-others), "…")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t  %s\n", cpuShare(before, s), units.BytesSize(float64(s.Used.Usage)), limit,
			units.BytesSize(float64(s.Used.Peak)), name)
	}
	return table.Flush()
}

// cpuShare is how much of a processor a task has used since the look before; a dash if that did not see it.
func cpuShare(before []containerizer.TaskStats, now containerizer.TaskStats) string {
	for _, b := range before {
		if passed := now.At.Sub(b.At); b.Container == now.Container && passed > 0 {
			return fmt.Sprintf("%.1f%%", 100*float64(now.CPU-b.CPU)/float64(passed))
		}
	}
	return "-"
}
