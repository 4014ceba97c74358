package tasklist

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/cli/templates"
	"github.com/docker/go-units"

	"mesos-docker-containerizer/containerizer"
)

// Row is a task in words. A template's fields are those of Row.
type Row struct {
	Task, App, Framework, Executor, PID                 string
	Container, ContainerID, Route                       string
	State, Doing, Health, Image, Memory, Ports, Sandbox string
	Age                                                 string // of the container; without one, the time in the state
	Created, Started, Since                             string // empty, or a time in RFC 3339
}

// titles are above the columns.
var titles = Row{
	Task: "TASK", App: "APP", Framework: "FRAMEWORK", Executor: "EXECUTOR", PID: "EXECUTOR PID",
	Container: "CONTAINER", ContainerID: "CONTAINER ID", Route: "ROUTE",
	State: "STATE", Doing: "DOING", Health: "HEALTH", Image: "IMAGE", Memory: "MEMORY", Ports: "PORTS", Sandbox: "SANDBOX",
	Age: "AGE", Created: "CREATED", Started: "STARTED", Since: "SINCE",
}

func rowOf(r containerizer.TaskReport, now time.Time) Row {
	row := Row{
		Task: r.Task, App: r.App, Framework: r.Framework, Executor: r.Executor, PID: strconv.Itoa(r.PID),
		Container: r.Container, ContainerID: r.ContainerID, Route: r.Route,
		State: string(r.State), Doing: r.Doing, Health: string(r.Health), Image: r.Image, Sandbox: r.Sandbox,
		Ports: strings.Join(r.Ports, ", "),
		Age:   Age(now.Sub(cmp.Or(r.Started, r.Created, r.Since))),
	}
	if r.Memory > 0 {
		row.Memory = units.BytesSize(float64(r.Memory))
	}
	for _, each := range []*string{&row.Task, &row.App, &row.Framework, &row.Executor, &row.Container, &row.ContainerID, &row.Doing, &row.Image, &row.Ports, &row.Sandbox} {
		*each = Clean(*each)
	}
	for to, at := range map[*string]time.Time{&row.Created: r.Created, &row.Started: r.Started, &row.Since: r.Since} {
		if !at.IsZero() {
			*to = at.Format(time.RFC3339)
		}
	}
	return row
}

// Age is a duration in one number, such as 12s, 5m, 36h, 9d.
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d/day))
}

// Format writes each task as a Go template says, with the functions of docker's. "table " before it puts titles above, and makes
// columns of what is between tabs. An error is the template's or the writer's.
func Format(w io.Writer, format string, reports []containerizer.TaskReport, now time.Time) error {
	format = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format)
	format, table := strings.CutPrefix(format, "table ")
	template, err := templates.Parse(format)
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	rows := make([]Row, 0, len(reports)+1)
	if table {
		rows = append(rows, titles)
		columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
		defer columns.Flush()
		w = columns
	}
	for _, r := range reports {
		rows = append(rows, rowOf(r, now))
	}
	for _, row := range rows {
		var line strings.Builder
		if err := template.Execute(&line, row); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		if _, err := fmt.Fprintln(w, line.String()); err != nil {
			return err
		}
	}
	return nil
}
