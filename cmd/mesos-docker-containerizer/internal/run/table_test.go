package run

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"
)

func mark(_, text string) string { return "*" + text + "*" }

func plain(_, text string) string { return text }

func TestLayOut(t *testing.T) {
	rows := []row{
		{task: "1", name: "web.1", state: mesos.TASK_RUNNING, phase: "running", health: "healthy", ports: "31000->80/tcp"},
		{task: "2", name: "web.2", state: mesos.TASK_STARTING, phase: "pulling", pull: "app:7"},
		{task: "3", name: "job", state: mesos.TASK_FINISHED, phase: "finished"},
		{task: "4", name: "web.3", state: mesos.TASK_RUNNING, phase: "running", health: "unhealthy", ports: "31001->80/tcp"},
	}
	for name, tt := range map[string]struct {
		rows          []row
		width, height int
		want          string
	}{
		"all": {rows, 80, 10, `
TASK   PHASE     HEALTH     PORTS          PULL
web.1  *running*   healthy    31000->80/tcp
web.2  *pulling*                             app:7
job    *finished*
web.3  *running*   unhealthy  31001->80/tcp`},
		"columns that are empty": {rows[2:3], 80, 10, `
TASK  PHASE
job   *finished*`},
		"narrow": {rows[:2], 30, 10, `
TASK   PHASE    HEALTH   PORT…
web.1  *running*  healthy  3100…
web.2  *pulling*               …`},
		"too narrow for the phase": {rows[:1], 12, 10, `
TASK   PHAS…
web.1  runn…`},
		"too many": {rows, 80, 4, `
TASK   PHASE    HEALTH     PORTS          PULL
web.2  *pulling*                            app:7
web.3  *running*  unhealthy  31001->80/tcp
and 2 more`},
	} {
		got := "\n" + strings.Join(layOut(tt.rows, tt.width+1, tt.height, mark), "\n")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// No line is wider than the terminal, and there are never more than are wanted.
func TestLayOutStaysWithinTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("aü漢.→")))
		var rows []row
		for i := range rapid.IntRange(1, 12).Draw(t, "rows") {
			state := rapid.SampledFrom([]mesos.TaskState{mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_FAILED}).Draw(t, "state")
			rows = append(rows, row{task: strconv.Itoa(i), name: text.Draw(t, "name"), state: state, phase: phaseOf(state), health: text.Draw(t, "health"), ports: text.Draw(t, "ports"), pull: text.Draw(t, "pull")})
		}
		width, height := rapid.IntRange(2, 60).Draw(t, "width"), rapid.IntRange(2, 20).Draw(t, "height")
		lines := layOut(rows, width, height, plain)
		if len(lines) > height || len(lines) < min(height, len(rows)+1) {
			t.Errorf("%d lines for %d rows within %d", len(lines), len(rows), height)
		}
		for _, line := range lines {
			if runewidth.StringWidth(line) >= width {
				t.Errorf("%q is as wide as the terminal, which has %d", line, width)
			}
		}
	})
}

func TestPullText(t *testing.T) {
	for want, p := range map[string]Progress{
		"app:7": {Reference: "app:7", Bytes: 5},
		"░░░░░░░░░░░░░░░░   0% 0.0B of 4.0MiB, app:7":      {Reference: "app:7", Total: 4 << 20},
		"██████░░░░░░░░░░  38% 1.5MiB of 4.0MiB, app:7":    {Reference: "app:7", Bytes: 3 << 19, Total: 4 << 20},
		"████████████████ 100% 5.0MiB of 4.0MiB, app: [2J": {Reference: "app:\x1b[2J", Bytes: 5 << 20, Total: 4 << 20},
	} {
		if got := pullText(&p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// screen is a terminal without an end at the top: lines as they stand after what was written, which knows the sequences of the table.
type screen struct {
	t       *testing.T
	mu      sync.Mutex // guards what follows
	lines   []string
	at      int // the line of the cursor, which is always at its end or, after a return, its begin
	changed chan struct{}
	ended   bool
}

// read shows what the program at the other end of the terminal writes, until that is closed.
func (s *screen) read(master *os.File) {
	b := make([]byte, 64<<10)
	rest := ""
	for {
		n, err := master.Read(b)
		s.mu.Lock()
		rest = s.write(rest + string(b[:n]))
		s.ended = err != nil // a terminal ends with EIO
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// write returns what is not complete yet.
func (s *screen) write(text string) (rest string) {
	for text != "" {
		switch {
		case text[0] == '\n':
			s.at++
		case text[0] == '\r':
		case text[0] == '\x1b':
			end := strings.IndexAny(text, "AJm")
			if end < 0 {
				return text
			}
			s.control(text[2:end], text[end])
			text = text[end:]
		default:
			if s.at == len(s.lines) {
				s.lines = append(s.lines, "")
			}
			s.lines[s.at] += text[:1]
		}
		if s.at > len(s.lines) {
			s.lines = append(s.lines, "")
		}
		text = text[1:]
	}
	return ""
}

func (s *screen) control(number string, what byte) {
	switch what {
	case 'A':
		n, err := strconv.Atoi(number)
		if err != nil || n > s.at {
			s.t.Errorf("the cursor goes up %q lines from line %d", number, s.at)
			n = 0
		}
		s.at -= n
	case 'J':
		s.lines = s.lines[:min(s.at, len(s.lines))]
	}
}

// await waits until the screen is as wanted, and returns it.
func (s *screen) await(wanted func(lines []string) bool) []string {
	s.t.Helper()
	deadline := time.After(time.Minute)
	for {
		s.mu.Lock()
		lines, changed, ended := slices.Clone(s.lines), s.changed, s.ended
		s.mu.Unlock()
		if wanted(lines) {
			return lines
		}
		late := false
		select {
		case <-changed:
		case <-deadline:
			late = true
		}
		if ended || late {
			s.t.Fatalf("the screen never was as wanted:\n%s", strings.Join(lines, "\n"))
		}
	}
}

// TestTable draws on a real terminal: the table stands below all lines that were written, changes in its place, and is gone at the end.
func TestTable(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, changed: make(chan struct{})}
	var reading sync.WaitGroup
	reading.Go(func() { s.read(master) })
	display := NewText(terminal, TextOptions{Width: 5, Start: start, Terminal: terminal, Color: true})
	show := func(task string, change func(*Event)) {
		e := Event{Time: start, Name: task, Task: task}
		change(&e)
		display.Show(e)
	}
	pull := func(task string, done int64) {
		show(task, func(e *Event) { e.Progress = &Progress{Reference: "some/image:1", Bytes: done, Total: 4 << 20} })
	}
	state := func(task string, is mesos.TaskState, healthy *bool) {
		show(task, func(e *Event) { e.Status = &Status{State: is, Healthy: healthy} })
	}
	var written []string
	output := func() {
		line := fmt.Sprintf("#%03d", len(written))
		written = append(written, "one   | "+line)
		show("one", func(e *Event) { e.Output = &Output{Line: []byte(line)} })
	}
	// below waits until what was written stands above a table.
	below := func(table ...string) {
		t.Helper()
		s.await(func(lines []string) bool { return slices.Equal(lines, append(slices.Clone(written), table...)) })
	}
	pull("one", 1<<20)
	pull("two", 2<<20)
	for range 100 {
		output()
	}
	below("TASK  PHASE    PULL", "one   pulling  ████░░░░░░░░░░░░  25% 1.0MiB of 4.0MiB, some/image:1", "two   pulling  ████████░░░░░░░░  50% 2.0MiB of 4.0MiB, some/image:1")
	state("one", mesos.TASK_RUNNING, nil)
	written = append(written, "one     +0.000s TASK_RUNNING")
	show("one", func(e *Event) { e.Ports = &Ports{Ports: []Port{{HostPort: 31000, ContainerPort: 80, Protocol: "tcp"}}} })
	written = append(written, "one     HOST PORT   CONTAINER PORT   CONTAINER ADDRESS", "one     31000       80/tcp")
	state("one", mesos.TASK_RUNNING, new(false))
	written = append(written, "one     +0.000s TASK_RUNNING unhealthy")
	below("TASK  PHASE    HEALTH     PORTS          PULL", "one   running  unhealthy  31000->80/tcp", "two   pulling                            ████████░░░░░░░░  50% 2.0MiB of 4.0MiB, some/image:1")
	state("two", mesos.TASK_FAILED, nil)
	written = append(written, "two     +0.000s TASK_FAILED")
	output()
	below("TASK  PHASE    HEALTH     PORTS", "one   running  unhealthy  31000->80/tcp", "two   failed")
	state("one", mesos.TASK_FINISHED, nil)
	written = append(written, "one     +0.000s TASK_FINISHED")
	if display.table.progress != nil {
		t.Error("there is a table although no task lives")
	}
	below()
	state("one", mesos.TASK_RUNNING, nil)
	written = append(written, "one     +0.000s TASK_RUNNING")
	display.Close()
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
	reading.Wait()
	below()
}
