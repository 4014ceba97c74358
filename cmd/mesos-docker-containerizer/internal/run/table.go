package run

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/docker/go-units"
	"github.com/mattn/go-runewidth"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// table draws the tasks at the bottom of a terminal, a row each, while lines scroll above it. Its caller serialises all calls. While no
// task lives nothing of it is drawn or runs.
type table struct {
	terminal *os.File
	paint    func(color, text string) string

	rows     []row
	shown    atomic.Pointer[[]row] // a copy of rows, for the goroutine that draws
	progress *mpb.Progress         // nil while nothing is drawn
	bar      *mpb.Bar              // is the whole table
}

// row is a task in words.
type row struct {
	task, name string
	state      mesos.TaskState
	phase      string // one word
	health     string // healthy or unhealthy; empty while nothing is known
	ports      string
	pull       string // how far it is; empty without one
}

func (r *row) lives() bool { return !isTerminal(r.state) }

// update takes an event of a task.
func (t *table) update(e Event) {
	i := slices.IndexFunc(t.rows, func(r row) bool { return r.task == e.Task })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, row{task: e.Task, name: printable(e.Name), state: mesos.TASK_STAGING})
	}
	r := &t.rows[i]
	switch {
	case e.Progress != nil:
		r.state, r.phase, r.pull = mesos.TASK_STARTING, "pulling", pullText(e.Progress)
	case e.Status != nil:
		r.state, r.phase, r.pull = e.Status.State, phaseOf(e.Status.State), ""
		if healthy := e.Status.Healthy; healthy != nil {
			r.health = map[bool]string{true: "healthy", false: "unhealthy"}[*healthy]
		}
	case e.Ports != nil:
		r.ports = portsText(e.Ports.Ports)
	default:
		return
	}
	t.shown.Store(new(slices.Clone(t.rows)))
	switch living := slices.ContainsFunc(t.rows, func(r row) bool { return r.lives() }); {
	case !living:
		t.close()
	case t.progress == nil:
		t.progress = mpb.New(mpb.WithOutput(t.terminal))
		line := func(of func(lines []string) []string) mpb.BarFillerFunc {
			return func(w io.Writer, _ decor.Statistics) error {
				_, err := io.WriteString(w, strings.Join(of(t.lines()), "\n"))
				return err
			}
		}
		t.bar = t.progress.MustAdd(0, line(func(lines []string) []string { return lines[:1] }), mpb.BarFillerTrim(),
			mpb.BarExtender(line(func(lines []string) []string { return append(lines[1:], "") }), false))
	}
}

// write prints above the table. It returns false when there is none.
func (t *table) write(text []byte) bool {
	if t.progress == nil {
		return false
	}
	_, err := t.progress.Write(text)
	return err == nil
}

// close takes the table off the screen.
func (t *table) close() {
	if t.progress == nil {
		return
	}
	t.bar.Abort(true)
	t.progress.Wait()
	t.progress = nil
}

// lines are the table as it is drawn now.
func (t *table) lines() []string {
	width, height, err := term.GetSize(int(t.terminal.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	return layOut(*t.shown.Load(), width, max(2, height/2), t.paint)
}

// layOut draws a title and a row for each task, in at most so many lines. Of too many tasks those that matter least are summed up.
func layOut(rows []row, width, height int, paint func(color, text string) string) []string {
	rows, rest := choose(rows, height-1)
	titles := row{name: "TASK", phase: "PHASE", health: "HEALTH", ports: "PORTS", pull: "PULL"}
	all := append([]row{titles}, rows...)
	var columns []func(*row) string
	for _, column := range []func(*row) string{func(r *row) string { return r.health }, func(r *row) string { return r.ports }, func(r *row) string { return r.pull }} {
		if slices.ContainsFunc(rows, func(r row) bool { return column(&r) != "" }) {
			columns = append(columns, column)
		}
	}
	cells := make([]string, len(all)) // what stands behind the phase
	for _, column := range columns {
		widest := 0
		for i := range all {
			widest = max(widest, runewidth.StringWidth(column(&all[i])))
		}
		for i := range all {
			cells[i] += "  " + runewidth.FillRight(column(&all[i]), widest)
		}
	}
	name, phase := 0, 0
	for _, r := range all {
		name, phase = max(name, runewidth.StringWidth(r.name)), max(phase, len(r.phase))
	}
	var lines []string
	for i, r := range all {
		line := strings.TrimRight(fmt.Sprintf("%s  %-*s%s", runewidth.FillRight(r.name, name), phase, r.phase, cells[i]), " ")
		line = runewidth.Truncate(line, width-1, "…")
		before := runewidth.FillRight(r.name, name) + "  "
		if behind, whole := strings.CutPrefix(line, before+r.phase); whole && i > 0 {
			line = before + paint(stateColor(r.state), r.phase) + behind
		}
		lines = append(lines, line)
	}
	if rest > 0 {
		lines = append(lines, runewidth.Truncate(fmt.Sprintf("and %d more", rest), width-1, "…"))
	}
	return lines
}

// choose leaves out what matters least of too many rows, and keeps the order: first tasks that have ended, then those that run well.
func choose(rows []row, limit int) (chosen []row, rest int) {
	if len(rows) <= limit {
		return rows, 0
	}
	rank := func(r row) int {
		switch {
		case !r.lives():
			return 2
		case r.state == mesos.TASK_RUNNING && r.health != "unhealthy":
			return 1
		}
		return 0
	}
	order := slices.SortedStableFunc(slices.Values(rows), func(a, b row) int { return rank(a) - rank(b) })
	wanted := order[:max(0, limit-1)] // a line is for the sum
	chosen = slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
		return !slices.ContainsFunc(wanted, func(w row) bool { return w.task == r.task })
	})
	return chosen, len(rows) - len(chosen)
}

// phaseOf is a state in a word for people.
func phaseOf(s mesos.TaskState) string {
	if s == mesos.TASK_KILLING {
		return "stopping"
	}
	return strings.ToLower(strings.TrimPrefix(s.String(), "TASK_"))
}

// pullText is "██████░░░░░░░░░░  38% 1.5MiB of 4.0MiB, registry.example/app:7", or the image alone while its size is not known.
func pullText(p *Progress) string {
	image := printable(p.Reference)
	if p.Total <= 0 {
		return image
	}
	const cells = 16
	done := float64(min(max(0, p.Bytes), p.Total)) / float64(p.Total)
	full := int(cells * done)
	return fmt.Sprintf("%s%s %3.0f%% %s of %s, %s", strings.Repeat("█", full), strings.Repeat("░", cells-full), 100*done,
		bytesText(p.Bytes), bytesText(p.Total), image)
}

// bytesText has one decimal always, so that a figure that grows stands still.
func bytesText(n int64) string {
	return units.CustomSize("%.1f%s", float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB"})
}

// portsText is "31000->80/tcp, 127.0.0.1:31001->53/udp".
func portsText(ports []Port) string {
	var all []string
	for _, p := range ports {
		all = append(all, fmt.Sprintf("%s->%d/%s", p.host(), p.ContainerPort, p.Protocol))
	}
	return strings.Join(all, ", ")
}
