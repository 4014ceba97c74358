package run

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// progressInterval is the least time between two lines about one pull without a terminal.
const progressInterval = 2 * time.Second

// TextOptions say how people read.
type TextOptions struct {
	Color bool
	// Terminal, if not nil, is where a table of the tasks is drawn. It is what the writer writes to.
	Terminal *os.File
	// Width is that of the longest name of a task, so that columns stand still.
	Width int
	// Start is what times are relative to.
	Start time.Time
}

// Text shows events to people. Output lines follow the task's name and a bar, or an exclamation mark where they are stderr's.
type Text struct {
	TextOptions

	mu       sync.Mutex
	w        io.Writer
	table    *table               // nil without a terminal
	reported map[string]time.Time // last line about the pull of an image
}

// NewText writes to w, whose errors are the caller's to notice. Close it.
func NewText(w io.Writer, o TextOptions) *Text {
	t := &Text{TextOptions: o, w: w, reported: map[string]time.Time{}}
	if o.Terminal != nil {
		t.table = &table{terminal: o.Terminal, paint: t.paint}
	}
	return t
}

// Close takes the table off the screen, if there is one.
func (t *Text) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.table != nil {
		t.table.close()
	}
}

// Show implements Display.
func (t *Text) Show(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.table != nil {
		t.table.update(e)
	}
	switch {
	case e.Output != nil:
		t.print(t.output(e))
	case e.Status != nil:
		t.print(t.status(e))
	case e.Progress != nil:
		t.progress(e)
	case e.Ports != nil:
		t.print(t.ports(e))
	}
}

// Note shows a text that concerns no single task.
func (t *Text) Note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print([]byte(text + "\n"))
}

// print writes above the table, if there is one.
func (t *Text) print(text []byte) {
	if t.table != nil && t.table.write(text) {
		return
	}
	_, _ = t.w.Write(text) // w's errors are the caller's to notice
}

func (t *Text) output(e Event) []byte {
	mark, color := "|", ""
	if e.Output.Stderr {
		mark, color = "!", red
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s ", t.paint(color, fmt.Sprintf("%-*s %s", t.Width, e.Name, mark)))
	b.Write(e.Output.Line)
	b.WriteByte('\n')
	return b.Bytes()
}

func (t *Text) status(e Event) []byte {
	var b bytes.Buffer
	s := e.Status
	fmt.Fprintf(&b, "%-*s %s %s", t.Width, e.Name, t.clock(e.Time), t.paint(stateColor(s.State), s.State.String()))
	if s.Healthy != nil {
		if *s.Healthy {
			b.WriteString(" " + t.paint(green, "healthy"))
		} else {
			b.WriteString(" " + t.paint(red, "unhealthy"))
		}
	}
	if check := s.Check.String(); check != "" {
		b.WriteString(" (" + check + ")")
	}
	if s.Reason != "" {
		b.WriteString(" " + s.Reason)
	}
	if s.Message != "" {
		b.WriteString(": " + printable(s.Message))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// clock is the time since the run's begin. A task's own times are rounded, so the first may be a little earlier.
func (t *Text) clock(at time.Time) string {
	return fmt.Sprintf("%+8.3fs", max(0, at.Sub(t.Start)).Seconds())
}

func (t *Text) progress(e Event) {
	if t.table != nil {
		return
	}
	if last, ok := t.reported[e.Progress.Reference]; ok && e.Time.Sub(last) < progressInterval {
		return
	}
	t.reported[e.Progress.Reference] = e.Time
	t.print(fmt.Appendf(nil, "%-*s %s %s\n", t.Width, e.Name, t.clock(e.Time), printable(e.Progress.Message)))
}

// ports is the table of a task's host ports. A task that has none still has an address.
func (t *Text) ports(e Event) []byte {
	var b bytes.Buffer
	address := strings.Join(e.Ports.Addresses, ", ")
	if len(e.Ports.Ports) == 0 {
		if address != "" {
			fmt.Fprintf(&b, "%-*s %s address %s\n", t.Width, e.Name, t.clock(e.Time), address)
		}
		return b.Bytes()
	}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "HOST PORT\tCONTAINER PORT\tCONTAINER ADDRESS")
	for _, p := range e.Ports.Ports {
		fmt.Fprintf(w, "%s\t%d/%s\t%s\n", p.host(), p.ContainerPort, p.Protocol, address)
	}
	w.Flush()
	for line := range strings.Lines(table.String()) {
		fmt.Fprintf(&b, "%-*s   %s\n", t.Width, e.Name, strings.TrimRight(line, " \n"))
	}
	return b.Bytes()
}

// The colours, as ANSI escape sequences.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

func (t *Text) paint(color, text string) string {
	if !t.Color || color == "" {
		return text
	}
	return color + text + reset
}

func stateColor(s mesos.TaskState) string {
	switch s {
	case mesos.TASK_RUNNING, mesos.TASK_FINISHED:
		return green
	case mesos.TASK_STARTING, mesos.TASK_KILLING, mesos.TASK_KILLED:
		return yellow
	}
	return red
}

// printable keeps a message on one line and its control characters from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.TrimSpace(s))
}
