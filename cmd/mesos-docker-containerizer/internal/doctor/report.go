package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"mesos-docker-containerizer/config"
)

// Status is how a check ended.
type Status string

// The statuses. A check is skipped where there was nothing to look at, for the reason that it tells.
const (
	OK      Status = "ok"
	Skipped Status = "skipped"
	Warning Status = "warning"
	Failed  Status = "failed"
)

// rank orders statuses by how bad they are.
var rank = map[Status]int{OK: 0, Skipped: 0, Warning: 1, Failed: 2}

// finding is the outcome of a check. Neither text holds a secret.
type finding struct {
	Status Status `json:"status"`
	Seen   string `json:"seen"`
	Advice string `json:"advice"` // empty where there is nothing to do
}

// Check is one row of a report.
type Check struct {
	Name string `json:"name"`
	finding
}

// Report is the outcome of all checks. Its fields are an interface, documented in docs/drop-in.md.
type Report struct {
	Version string  `json:"version"`
	Status  Status  `json:"status"` // ok, warning or failed: the worst of the checks'
	Checks  []Check `json:"checks"`
}

func ok(format string, args ...any) finding { return finding{OK, fmt.Sprintf(format, args...), ""} }

func skipped(format string, args ...any) finding {
	return finding{Skipped, fmt.Sprintf(format, args...), ""}
}

func warning(seen, advice string) finding { return finding{Warning, seen, advice} }

func failed(seen, advice string) finding { return finding{Failed, seen, advice} }

func worst(checks []Check) Status {
	status := OK
	for _, c := range checks {
		if rank[c.Status] > rank[status] {
			status = c.Status
		}
	}
	return status
}

// findings makes one finding of several: the worst status, what was seen of it, and all advice.
type findings []finding

func (all findings) joined(fine string) finding {
	if len(all) == 0 {
		return ok("%s", fine)
	}
	f := finding{Status: OK}
	var seen, advice []string
	for _, each := range all {
		if rank[each.Status] > rank[f.Status] {
			f.Status = each.Status
		}
		seen = append(seen, each.Seen)
		if each.Advice != "" && !slices.Contains(advice, each.Advice) {
			advice = append(advice, each.Advice)
		}
	}
	f.Seen, f.Advice = strings.Join(seen, "; "), strings.Join(advice, "; ")
	return f
}

// PrintJSON writes the report as one JSON object.
func (r Report) PrintJSON(w io.Writer) error { return config.PrintJSON(w, r) }

// Print writes the report for a person: a line for each check, and the advice below those that have some.
func (r Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	count := map[Status]int{}
	for _, c := range r.Checks {
		count[c.Status]++
		fmt.Fprintf(t, "%s\t%s\t%s\n", strings.ToUpper(string(c.Status)), c.Name, c.Seen)
		if c.Advice != "" {
			fmt.Fprintf(t, "\t\t-> %s\n", c.Advice)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d ok, %d warning, %d failed, %d skipped\n", count[OK], count[Warning], count[Failed], count[Skipped])
	return err
}
