package agents

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// result is what one scenario came to on one route.
type result struct {
	seen  string
	err   error
	known string // why nothing else is to be expected
}

// figures are what was measured on one route; zero is not measured.
type figures struct {
	host, bridge, together, kill time.Duration
	memory                       float64                  // MB a task
	launching, killing           map[string]time.Duration // by step, of launchSteps and killSteps
}

// showScenarios is a table with a row a scenario, and below it what was seen where that is not what should have been.
func showScenarios(routes []route, names []string, results map[route]map[string]result) string {
	var b, faults strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "scenario")
	for _, r := range routes {
		fmt.Fprintf(w, "\t%s", r)
	}
	fmt.Fprintln(w)
	for _, name := range names {
		fmt.Fprint(w, name)
		for _, r := range routes {
			got, done := results[r][name]
			mark := "ok"
			switch {
			case !done:
				mark = "-"
			case got.err != nil:
				mark = "DIFFERS"
				if notOffered(got.err) {
					mark = "not offered"
				} else if got.known != "" {
					mark = "differs, as known"
					fmt.Fprintf(&faults, "%s, %s, as known: %s\n", r, name, got.known)
				}
				fmt.Fprintf(&faults, "%s, %s: %v; seen: %s\n", r, name, got.err, got.seen)
			}
			fmt.Fprintf(w, "\t%s", mark)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.String() + faults.String()
}

// showFigures is a table of times and memory, each with its ratio to the first route's.
func showFigures(routes []route, of map[route]figures) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, value func(figures) float64) {
		fmt.Fprint(w, name)
		for _, r := range routes {
			fmt.Fprintf(w, "\t"+format, value(of[r]))
			if base := value(of[routes[0]]); r != routes[0] && base > 0 {
				fmt.Fprintf(w, " (%.2f)", value(of[r])/base)
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "median")
	for _, r := range routes {
		fmt.Fprintf(w, "\t%s", r)
	}
	fmt.Fprintln(w)
	ms := func(d func(figures) time.Duration) func(figures) float64 {
		return func(f figures) float64 { return float64(d(f).Microseconds()) / 1000 }
	}
	row("assignment to RUNNING, host network, ms", "%.0f", ms(func(f figures) time.Duration { return f.host }))
	row("assignment to RUNNING, bridge, ms", "%.0f", ms(func(f figures) time.Duration { return f.bridge }))
	row("all at once to the last RUNNING, ms", "%.0f", ms(func(f figures) time.Duration { return f.together }))
	row("kill to KILLED, ms", "%.0f", ms(func(f figures) time.Duration { return f.kill }))
	row("memory a task, MB", "%.2f", func(f figures) float64 { return f.memory })
	for _, fall := range []struct {
		of    func(figures) map[string]time.Duration
		steps []string
	}{
		{func(f figures) map[string]time.Duration { return f.launching }, launchSteps},
		{func(f figures) map[string]time.Duration { return f.killing }, killSteps},
	} {
		fmt.Fprintf(w, "from \"%s\" to\n", fall.steps[0])
		for _, step := range fall.steps[1:] {
			row("  \""+step+"\", ms", "%.0f", ms(func(f figures) time.Duration { return fall.of(f)[step] }))
		}
	}
	w.Flush()
	return b.String()
}
