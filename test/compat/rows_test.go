package compat

import (
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var show = flag.Bool("show", false, "log what the Engine answers instead of comparing it")

// row is a request, or several, to which Engines answer differently.
type row struct {
	name    string // of the test, in kebab case
	request string // for the document
	ask     func(t *testing.T, e *engine) string

	// answers are what ask returns, by the version from which on it does, the oldest first.
	answers []said

	product string // what the product does about it
}

// said is one of the answers.
type said struct {
	from string // "20.10"
	text string
}

// area is a group of rows, a table in the document.
type area struct {
	title string
	rows  []row
}

// areas are all rows in the order of the document.
func areas() []area {
	return []area{
		{"Creating a container", creating()},
		{"Mounts", mounting()},
		{"Networks and ports", connecting()},
		{"Images", imaging()},
		{"Start, events and the end", living()},
		{"Memory and arguments", limiting()},
		{"Processes and streams", attaching()},
		{"Settings of the Engine", configuring()},
	}
}

// ids are those of containers and images, and the names of test images, which differ between runs.
var ids = regexp.MustCompile(`[0-9a-f]{64}|mesos-docker-containerizer-test:[0-9a-f]{32}|\b[0-9a-f]{12}\b`)

// TestEngines holds every row's answer against the Engine's.
func TestEngines(t *testing.T) {
	for _, area := range areas() {
		for _, r := range area.rows {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				e := theEngine(t)
				got := strings.ReplaceAll(ids.ReplaceAllString(r.ask(t, e), "ID"), "\n", " ")
				if *show {
					t.Logf("%s of %s: %s", r.name, e.version, got)
					return
				}
				if want := r.expected(e.version); got != want {
					t.Errorf("Engine %s with runc %s, %s:\n got %s\nwant %s", e.version, e.runc, r.request, got, want)
				}
			})
		}
	}
}

// expected is the answer of a version.
func (r row) expected(version string) string {
	text := fmt.Sprintf("(nothing is known of versions before %s)", r.answers[0].from)
	for _, s := range r.answers {
		if !older(version, s.from) {
			text = s.text
		}
	}
	return text
}

// older compares versions by their numbers, as many as the second has.
func older(version, than string) bool {
	ours, theirs := strings.Split(version, "."), strings.Split(than, ".")
	for i := range theirs {
		a, b := 0, leadingNumber(theirs[i])
		if i < len(ours) {
			a = leadingNumber(ours[i])
		}
		if a != b {
			return a < b
		}
	}
	return false
}

// leadingNumber is 24 of "24+dfsg1".
func leadingNumber(text string) int {
	end := strings.IndexFunc(text+".", func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(text[:end])
	return n
}
