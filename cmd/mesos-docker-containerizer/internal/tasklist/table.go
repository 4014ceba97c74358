package tasklist

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"mesos-docker-containerizer/containerizer"
)

// Options say how a table looks.
type Options struct {
	Wide  bool // all columns, nothing cut
	Width int  // of the terminal in characters, which the table without Wide fits if it has 60; 0 for as wide as need be
	Now   time.Time
}

const gap = 2 // between two columns

// The columns.
var (
	narrow = []func(Row) string{
		func(r Row) string { return r.Task }, func(r Row) string { return r.State }, func(r Row) string { return r.Age },
		func(r Row) string { return r.Health }, func(r Row) string { return r.Image },
	}
	wide = append(narrow[:len(narrow):len(narrow)],
		func(r Row) string { return r.Ports }, func(r Row) string { return r.Memory }, func(r Row) string { return r.Route },
		func(r Row) string { return r.PID }, func(r Row) string { return r.Container }, func(r Row) string { return r.Sandbox },
		func(r Row) string { return r.Doing })
)

// Positions in narrow.
const (
	taskColumn  = 0
	imageColumn = 4
)

// least is how much of the names of tasks and of images stays where the table has to be cut.
const least = 14

// Table writes a table of the tasks.
func Table(w io.Writer, reports []containerizer.TaskReport, o Options) error {
	columns := narrow
	if o.Wide {
		columns, o.Width = wide, 0
	}
	cells := [][]string{nil}
	for _, column := range columns {
		cells[0] = append(cells[0], column(titles))
	}
	for _, r := range reports {
		var line []string
		row := rowOf(r, o.Now)
		for _, column := range columns {
			line = append(line, cmp.Or(column(row), "-"))
		}
		cells = append(cells, line)
	}
	if o.Width > 0 {
		fit(cells, o.Width)
	}
	widths := widthsOf(cells)
	for _, line := range cells {
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(runewidth.FillRight(cell, widths[i]+gap))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(text.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func widthsOf(cells [][]string) []int {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	return widths
}

// fit cuts images at their beginning and tasks at their end until the lines fit. What is left of a task is enough to ask for it, as long
// as that fits.
func fit(cells [][]string, width int) {
	widths := widthsOf(cells)
	over := gap*(len(widths)-1) - width
	for _, w := range widths {
		over += w
	}
	if over <= 0 {
		return
	}
	var tasks []string
	for _, line := range cells[1:] {
		tasks = append(tasks, line[taskColumn])
	}
	toTask, toImage := widths[taskColumn], widths[imageColumn]
	shrink := func(column *int, to int) {
		by := max(0, min(over, *column-to))
		*column -= by
		over -= by
	}
	shrink(&toTask, max(toTask/2, distinct(tasks)))
	shrink(&toImage, least)
	shrink(&toTask, distinct(tasks))
	shrink(&toTask, least)
	for _, line := range cells {
		line[taskColumn] = runewidth.Truncate(line[taskColumn], toTask, "…")
		line[imageColumn] = runewidth.TruncatePrefix(line[imageColumn], toImage, "…")
	}
}

// distinct is how wide a column has to be for names that are cut in it to differ.
func distinct(names []string) int {
	sorted := slices.Sorted(slices.Values(names))
	need := 0
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		same := 0
		for same < min(len(a), len(b)) && a[same] == b[same] {
			same++
		}
		if a != b {
			need = max(need, runewidth.StringWidth(b[:same])+2) // the character that differs, and the mark of the cut
		}
	}
	return need
}
