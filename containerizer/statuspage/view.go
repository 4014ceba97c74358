package statuspage

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/docker/go-units"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/record"
)

// view is the page in words.
type view struct {
	Style         template.CSS
	Title         string
	Host, Version string
	At            string
	App           string // the one that is shown alone; empty for all
	Refreshed     bool
	Every         string
	Turn          string // the query that turns refreshing off or on
	All           string // the query that shows all apps

	Trouble  string
	Figures  []figure
	Pulls    []pullRow
	Tasks    []taskRow
	Legend   []string // of the parts of a launch
	Failures []failure
	Settings []Setting
}

// figure is a number with what it counts. Class is one of page.css, or empty.
type figure struct{ Value, Of, Class string }

type taskRow struct {
	Task, App, AppLink, Image     string
	State, StateClass, Doing      string
	Health, HealthClass           string
	Ports                         []string
	Age                           string
	Memory, MemoryWords           string // "12.3MiB" and all that is known of it
	MemoryLimit                   string // empty without one
	MemoryBar                     template.HTML
	Launch, LaunchWords, LaunchOn string // LaunchOn is "" for a launch that is over
	LaunchBar                     template.HTML
}

type pullRow struct {
	Image, Words string
	Tasks        int
	Percent      string // empty while it is not known
	Bar          template.HTML
}

// failure is a task that failed. Lines are those of `why` behind its headline.
type failure struct {
	Headline string
	Lines    []line
}

type line struct{ Label, Text string }

func newView(o *Options, app string, refreshed bool, now time.Time) *view {
	facts := o.Facts()
	v := &view{
		Style: template.CSS(style), Host: shown(o.Host), Version: shown(o.Version), At: now.Format(time.DateTime + " MST"),
		App: shown(app), Refreshed: refreshed, Every: record.Short(refreshInterval), Turn: query(app, refreshed), All: query("", !refreshed),
		Trouble: shown(facts.Trouble), Settings: o.Settings(),
	}
	v.Figures, v.Legend = figures(&facts), phaseClasses
	v.Title = fmt.Sprintf("%s: %s running", v.Host, v.Figures[0].Value)
	for _, t := range sorted(facts.Tasks) {
		if app == "" || t.App == app {
			v.Tasks = append(v.Tasks, rowOf(&t, refreshed, now))
		}
	}
	for _, p := range facts.Pulls {
		v.Pulls = append(v.Pulls, pullRowOf(&p))
	}
	for _, r := range facts.Failures {
		if app == "" || r.App == app {
			v.Failures = append(v.Failures, failureOf(r, now))
		}
	}
	for i, s := range v.Settings {
		v.Settings[i] = Setting{shown(s.Name), shown(s.Value), shown(s.Origin)}
	}
	return v
}

// query is that of a page of one app, or of all, that is refreshed unless it is paused.
func query(app string, paused bool) string {
	values := url.Values{}
	if app != "" {
		values.Set("app", app)
	}
	if paused {
		values.Set("refresh", "off")
	}
	return "/?" + values.Encode()
}

// figures are the sums, the running tasks first.
func figures(f *Facts) []figure {
	states, unhealthy := map[string]int{}, 0
	for _, t := range f.Tasks {
		states[t.State]++
		if t.State == "running" && t.Health == "unhealthy" {
			unhealthy++
		}
	}
	launching := states["waiting"] + states["pulling"] + states["starting"]
	all := []figure{{fmt.Sprint(states["running"]), "running", ""}, {fmt.Sprint(launching), "launching", ""}}
	count := func(n int, of, class string) {
		if n > 0 {
			all = append(all, figure{fmt.Sprint(n), of, class})
		}
	}
	count(unhealthy, "unhealthy", "bad")
	count(states["stopping"], "stopping", "")
	count(states["ended"], "ended", "")
	count(f.Behind, "containers that cannot be removed yet", "bad")
	if f.DiskSize > 0 {
		const little = 10 // times of it are the whole
		class := ""
		if f.DiskFree < f.DiskSize/little {
			class = "bad"
		}
		all = append(all, figure{units.BytesSize(float64(f.DiskFree)), "free of " + units.BytesSize(float64(f.DiskSize)), class})
	}
	return all
}

// sorted has the tasks that want attention first, and leaves the order otherwise.
func sorted(tasks []Task) []Task {
	rank := func(t Task) int {
		switch {
		case t.State == "waiting":
			return 0
		case t.Health == "unhealthy":
			return 1
		case t.State == "pulling", t.State == "starting":
			return 2
		case t.State == "stopping", t.State == "ended":
			return 3
		}
		return 4
	}
	return slices.SortedStableFunc(slices.Values(tasks), func(a, b Task) int { return cmp.Compare(rank(a), rank(b)) })
}

// stateClasses colour the states of which something is to be said.
var stateClasses = map[string]string{"waiting": "warn", "pulling": "busy", "starting": "busy", "stopping": "warn", "ended": "dim", "running": "good"}

func rowOf(t *Task, refreshed bool, now time.Time) taskRow {
	row := taskRow{
		Task: shown(t.Task), App: shown(t.App), Image: shown(t.Image), State: t.State, StateClass: stateClasses[t.State],
		Health: t.Health, HealthClass: map[string]string{"healthy": "good", "unhealthy": "bad"}[t.Health],
	}
	if t.App != "" {
		row.AppLink = query(t.App, !refreshed)
	}
	for _, port := range t.Ports {
		row.Ports = append(row.Ports, shown(strings.Replace(port, "->", " → ", 1)))
	}
	if doing := strings.TrimPrefix(t.Doing, "pulling "+t.Image+": "); t.State != "running" && doing != t.State {
		row.Doing = shown(doing)
	}
	if !t.Started.IsZero() {
		row.Age = units.HumanDuration(now.Sub(t.Started))
	}
	row.memory(t.Memory)
	if l := launchOf(t.Steps, now); l.Took > 0 {
		row.Launch, row.LaunchWords, row.LaunchBar = record.Short(l.Took), l.Words, draw(l.Bar)
		if t.Started.IsZero() && t.State != "ended" {
			row.LaunchOn = "so far"
		}
	}
	return row
}

// memory is what is used of the limit.
func (row *taskRow) memory(m cgroup.Memory) {
	if m.Usage == 0 {
		return
	}
	text := func(n int64) string { return units.BytesSize(float64(n)) }
	row.Memory = text(m.Usage)
	row.MemoryWords = "uses " + row.Memory
	if m.Peak > 0 {
		row.MemoryWords += ", at most " + text(m.Peak) + " so far"
	}
	if m.Limit == 0 {
		return
	}
	row.MemoryLimit = text(m.Limit)
	row.MemoryWords += ", the limit is " + row.MemoryLimit
	if m.Kills > 0 {
		row.MemoryWords += fmt.Sprintf(", processes killed for lack of memory: %d", m.Kills)
	}
	row.MemoryBar = draw(memoryBar(m))
}

func pullRowOf(p *image.Pull) pullRow {
	row := pullRow{Image: shown(p.Reference), Words: shown(p.Progress.String()), Tasks: len(p.Tasks)}
	if p.Progress.BytesTotal > 0 {
		done := share(float64(p.Progress.BytesDone), float64(p.Progress.BytesTotal))
		row.Percent, row.Bar = fmt.Sprintf("%.0f%%", done), draw([]segment{{"pull", 0, done}})
	}
	return row
}

func failureOf(r *record.Record, now time.Time) (f failure) {
	for i, text := range r.Why(now) {
		if i == 0 {
			f.Headline = shown(text)
			continue
		}
		label, rest, _ := strings.Cut(text, ": ")
		f.Lines = append(f.Lines, line{label, shown(rest)})
	}
	return f
}

// shown replaces what is not printable, such as signs that turn the direction of the text around them.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
