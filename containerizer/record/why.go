package record

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// MaxLines bounds what Why says.
const MaxLines = 10

// maxLine bounds one line of it, in bytes.
const maxLine = 600

// Why explains the task to a person, in at most MaxLines lines: what was asked, how far it got, what ended it, and the next step.
func (r *Record) Why(now time.Time) []string {
	lines := []string{r.headline(now), "asked: " + r.asked(), "steps: " + r.steps(now)}
	add := func(label, text string) {
		if text != "" {
			lines = append(lines, label+": "+text)
		}
	}
	add("pull", r.pull(now))
	add("health", r.health())
	add("stopped", r.stopped())
	add("memory", r.memory())
	add("policy", r.policy())
	add("end", r.end())
	add("do", r.Advice())
	for i, line := range lines {
		lines[i] = Clip(strings.Join(strings.FieldsFunc(line, notShown), " "), maxLine)
	}
	return lines
}

// notShown holds for space and for what would have an effect on a terminal: the text can be a task's.
func notShown(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

func (r *Record) headline(now time.Time) string {
	last := r.last()
	state := string(last.State)
	switch end := r.End; {
	case end == nil:
	case end.Outcome == "unknown":
		state = "lost: nobody knows how it ended"
	case end.Outcome == "failed" && r.Stop != nil:
		state = "killed before it ran"
	case end.Outcome == "failed":
		state = "failed before it ran"
	case r.Stop != nil:
		state = "killed"
	case end.Code == 0:
		state = "finished"
	default:
		state = "failed"
	}
	format := "%s %s for %s, since %s"
	if r.End != nil {
		format = "%s %s, %s ago, at %s"
	}
	return fmt.Sprintf(format, r.Task, state, Short(now.Sub(last.At)), last.At.Local().Format(time.DateTime))
}

func (r *Record) asked() string {
	parts := []string{"image " + r.Asked.Image}
	if r.Asked.Image == "" {
		parts = []string{"not known, the task was not translated"}
	}
	if r.Asked.CPUs > 0 {
		parts = append(parts, fmt.Sprintf("%.3g cpus", math.Round(100*r.Asked.CPUs)/100)) // Mesos's shares are whole numbers
	}
	if r.Asked.Memory > 0 {
		parts = append(parts, bytesText(r.Asked.Memory)+" of memory")
	}
	if r.Asked.Network != "" {
		parts = append(parts, "network "+r.Asked.Network)
	}
	if len(r.Asked.HostPorts) > 0 {
		parts = append(parts, fmt.Sprintf("host ports %v", r.Asked.HostPorts))
	}
	if r.Asked.Health != "" {
		parts = append(parts, r.Asked.Health+" health check")
	}
	return strings.Join(append(parts, "route "+r.Route, "framework "+r.Framework), ", ")
}

// steps says how long the task was in each state. States that follow each other again and again are summed up.
func (r *Record) steps(now time.Time) string {
	type stay struct {
		state State
		times int
		took  time.Duration
		open  bool
	}
	var stays []stay
	for i, s := range r.Steps {
		if s.State == Ended {
			break
		}
		until, open := now, true
		if i+1 < len(r.Steps) {
			until, open = r.Steps[i+1].At, false
		}
		next := stay{s.State, 1, until.Sub(s.At), open}
		if at := slices.IndexFunc(stays, func(other stay) bool { return other.state == s.State }); at >= 0 {
			stays[at].times++
			stays[at].took += next.took
			stays[at].open = open
			continue
		}
		stays = append(stays, next)
	}
	var parts []string
	for _, s := range stays {
		text := string(s.state) + " " + Short(s.took)
		if s.times > 1 {
			text += fmt.Sprintf(" (%d times)", s.times)
		}
		if s.open {
			text += " until now"
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, ", ")
	if last := r.last(); r.End == nil && last.Text != "" {
		text += "; now: " + last.Text
	}
	return text
}

func (r *Record) pull(now time.Time) string {
	p := r.Pull
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("try %d of %d failed: %s", p.Try, p.Of, p.Error)
	switch {
	case p.Kind != "":
		text = fmt.Sprintf("given up after try %d of %d (%s)", p.Try, p.Of, p.Kind)
	case r.End != nil:
	case p.Next.After(now):
		text += fmt.Sprintf("; the next comes in %s, at %s", Short(p.Next.Sub(now)), p.Next.Local().Format(time.TimeOnly))
	case !p.Next.IsZero():
		text += fmt.Sprintf("; try %d runs", p.Try+1)
	}
	return text
}

func (r *Record) health() string {
	if len(r.Probes) == 0 {
		return ""
	}
	var parts []string
	for _, p := range r.Probes {
		parts = append(parts, p.At.Local().Format(time.TimeOnly)+" "+Clip(p.Output, maxLine/maxProbes-20))
	}
	return fmt.Sprintf("the last failed probes (%s): %s", r.Asked.Health, strings.Join(parts, " | "))
}

func (r *Record) stopped() string {
	if r.Stop == nil {
		return ""
	}
	return fmt.Sprintf("at %s because %s; SIGKILL after %s", r.Stop.At.Local().Format(time.TimeOnly), r.Stop.By, Short(max(0, r.Stop.Deadline.Sub(r.Stop.At))))
}

func (r *Record) memory() string {
	oom := r.End != nil && r.End.OOM
	var parts []string
	if m := r.Memory; m != nil && m.Peak > 0 {
		parts = append(parts, "peak "+bytesText(m.Peak))
	}
	if limit := r.limit(); len(parts) > 0 && limit > 0 || oom {
		parts = append(parts, "limit "+bytesText(limit))
	}
	if oom {
		parts = append(parts, "the kernel killed it for memory")
	}
	return strings.Join(parts, ", ")
}

func (r *Record) limit() int64 {
	if r.Memory != nil && r.Memory.Limit > 0 {
		return r.Memory.Limit
	}
	return r.Asked.Memory
}

func (r *Record) policy() string {
	switch {
	case r.Refusal == nil:
		return ""
	case r.Refusal.Source == "":
		return "rule " + r.Refusal.Rule + ", which is not set and so forbids this to executors that do not run as root"
	}
	return "rule " + r.Refusal.Rule + " in " + r.Refusal.Source
}

func (r *Record) end() string {
	end := r.End
	if end == nil {
		return ""
	}
	text := end.Message
	if end.Outcome == "exited" {
		text = exitText(end.Code)
		if end.Message != "" {
			text += ": " + end.Message
		}
	}
	return text
}

// Exit statuses of shells, for programs that they cannot run.
const (
	notExecutable = 126
	notFound      = 127
	signalBase    = 128
)

// exitText is an exit status in words.
func exitText(code int) string {
	text := fmt.Sprintf("exit status %d", code)
	switch {
	case code == 0:
		return text + ", success"
	case code == notExecutable:
		return text + ": a shell says that it cannot execute a program"
	case code == notFound:
		return text + ": a shell says that it does not find a program"
	case code > signalBase && unix.SignalName(unix.Signal(code-signalBase)) != "":
		return text + ", signal " + unix.SignalName(unix.Signal(code-signalBase))
	}
	return text + ", given by the program itself"
}

// Short is a duration for people.
func Short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

func bytesText(n int64) string { return units.BytesSize(float64(n)) }
