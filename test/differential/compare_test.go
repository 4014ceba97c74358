package differential

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
)

// verdict is the result of comparing both sides.
type verdict struct {
	problem  string // "" when they agree, but for what the table says
	rows     []string
	ours     outcome
	theirs   outcome
	arrested bool // at least one side has refused
}

// chances is how often a task is compared of which the Engine finds several faults. A small map is iterated from a random one of
// its eight slots on, so that a certain order can be as rare as one in eight.
const chances = 50

// compare sends a task both ways. The row of the table named in without does not count.
//
// The docker command keeps volumes in a map, so which of two faulty ones the Engine meets first is chance. The one that it
// tells us, it must tell the docker command, too, sooner or later.
func (b *bench) compare(t testing.TB, a assignment, without string) (v verdict) {
	t.Helper()
	for range chances {
		v = b.compareOnce(t, b.place(a), without)
		if v.problem == "" || !v.ours.byEngine || !v.theirs.byEngine {
			break
		}
	}
	return v
}

// compareOnce compares a task whose names are in place.
func (b *bench) compareOnce(t testing.TB, a assignment, without string) verdict {
	t.Helper()
	a.api = b.engine.ClientVersion()
	var v verdict
	oursName, theirsName := b.names()
	restated := clone(a)
	for _, d := range differences {
		if d.restate != nil && d.name != without && a.Info.Container.Docker != nil && d.restate(&restated) {
			v.rows = append(v.rows, d.name)
		}
	}
	a.Name, restated.Name = oursName, theirsName
	v.ours = b.ours(t.Context(), t, a)
	v.theirs = b.theirs(t.Context(), t, restated)
	for _, side := range []outcome{v.ours, v.theirs} {
		if side.id != "" {
			b.removals <- side.id
		}
	}
	v.arrested = v.ours.refusal != nil || v.theirs.refusal != nil
	if v.arrested {
		v.judgeRefusals(without)
		if v.problem != "" {
			b.judgeAlone(t, a, &v, without)
		}
		return v
	}
	for _, d := range differences {
		if d.adjust != nil && d.name != without && d.adjust(clone(a), v.theirs.container) {
			v.rows = append(v.rows, d.name)
		}
	}
	if diff := cmp.Diff(v.theirs.container, v.ours.container); diff != "" {
		v.problem = "inspect after the docker command (-) and after us (+) differ:\n" + diff
	}
	return v
}

// index is the number of an element in a field's path, with the key of a parameter behind it.
var index = regexp.MustCompile(`\[\d+\](, key .*)?`)

// judgeAlone accepts that the sides complain about different mistakes, if they agree about the one that we complain about.
func (b *bench) judgeAlone(t testing.TB, a assignment, v *verdict, without string) {
	t.Helper()
	row := slices.IndexFunc(differences, func(d difference) bool { return d.alone })
	fault, ok := v.ours.refusal.(*runspec.Error)
	parameters := a.Info.Container.Docker.Parameters
	if !ok || v.theirs.refusal == nil || len(parameters) < 2 || differences[row].name == without {
		return
	}
	i := 0
	if _, err := fmt.Sscanf(fault.Field, "container.docker.parameters[%d]", &i); err != nil {
		return
	}
	a = clone(a)
	a.Info.Container.Docker.Parameters = parameters[i : i+1]
	if alone := b.compareOnce(t, a, without); alone.problem == "" && alone.ours.refusal != nil {
		v.problem, v.rows = "", append(v.rows, differences[row].name)
	}
}

// beginsWith says whether a text begins with a pattern, in which * stands for any text. It does not care about capitals, by
// which releases of docker differ.
func beginsWith(text, pattern string) bool {
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return regexp.MustCompile("(?is)^" + expression).MatchString(text)
}

// judgeRefusals accepts the same words from both sides, and refusals of ours that the table has.
func (v *verdict) judgeRefusals(without string) {
	text, field := "", ""
	switch refusal := v.ours.refusal.(type) {
	case nil:
	case *runspec.Error:
		text, field = refusal.Text, index.ReplaceAllString(strings.TrimPrefix(refusal.Field, "data."), "[]")
	default:
		text = refusal.Error()
	}
	if v.ours.refusal != nil && v.theirs.refusal != nil && strings.EqualFold(text, v.theirs.refusal.Error()) {
		return
	}
	for _, d := range differences {
		if d.name == without || d.refusal == "" && d.docker == "" {
			continue
		}
		ours := d.refusal == "" || v.ours.refusal != nil && beginsWith(text, d.refusal) && slices.Contains(strings.Split(d.field, ", "), field)
		theirs := d.docker == "" || v.theirs.refusal != nil && beginsWith(v.theirs.refusal.Error(), d.docker)
		if ours && theirs {
			v.rows = append(v.rows, d.name)
			return
		}
	}
	v.problem = fmt.Sprintf("the docker command: %v\nwe:                 %v\nin field %q", v.theirs.refusal, v.ours.refusal, field)
}
