package statuspage

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/record"
)

// barWidth is the width of a bar in units of its drawing.
const barWidth = 100

// segment is a part of a bar, in units of barWidth. The class is one of page.css.
type segment struct {
	class    string
	x, width float64
}

// draw returns a bar, for which a template would need most of the time of a view.
func draw(bar []segment) template.HTML {
	if len(bar) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">`)
	for _, s := range bar {
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" width="%.1f" height="6"/>`, s.class, s.x, s.width)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // of numbers, and of classes that are constants
}

// share is the part of a bar that a number has of another, within the bar.
func share(of, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return barWidth * min(1, max(0, of/whole))
}

// memoryBar is what is used of the limit, with a mark where the peak was.
func memoryBar(m cgroup.Memory) []segment {
	const much, mark = 90.0, 1.0
	used, peak := share(float64(m.Usage), float64(m.Limit)), share(float64(m.Peak), float64(m.Limit))
	bar := []segment{{"used", 0, used}}
	if used > much || m.Kills > 0 {
		bar[0].class = "full"
	}
	if peak > used+mark {
		bar = append(bar, segment{"peak", peak - mark, mark})
	}
	return bar
}

// phases are the classes of a launch's states, which colour them. A state that is none of them ends a launch.
var phases = map[record.State]string{
	record.Launched: "prepare", record.Preparing: "prepare", record.Waiting: "wait", record.Queued: "wait", record.Retrying: "wait",
	record.Pulling: "pull", record.Creating: "create", record.Starting: "start",
}

// phaseClasses are the classes in phases, in the order of a launch.
var phaseClasses = []string{"prepare", "wait", "pull", "create", "start"}

// launch is how long each part of a launch took, and all of it. Without any it is zero.
type launch struct {
	Bar   []segment
	Took  time.Duration
	Words string // "pulling 3.2s, creating 110ms"
}

// launchOf draws a launch. One that is not over lasts until now.
func launchOf(steps []record.Step, now time.Time) (l launch) {
	type part struct {
		state record.State
		took  time.Duration
	}
	var parts []part
	for i, step := range steps {
		if phases[step.State] == "" {
			break
		}
		until := now
		if i+1 < len(steps) {
			until = steps[i+1].At
		}
		took := max(0, until.Sub(step.At))
		l.Took += took
		if n := len(parts); n > 0 && parts[n-1].state == step.State {
			parts[n-1].took += took
			continue
		}
		parts = append(parts, part{step.State, took})
	}
	var words []string
	at := 0.0
	for _, p := range parts {
		w := share(p.took.Seconds(), l.Took.Seconds())
		if w >= 0.5 { // else it cannot be seen
			l.Bar = append(l.Bar, segment{phases[p.state], at, w})
		}
		at += w
		words = append(words, string(p.state)+" "+record.Short(p.took))
	}
	l.Words = strings.Join(words, ", ")
	return l
}
