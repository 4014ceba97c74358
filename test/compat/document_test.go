package compat

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/engines.md anew")

const (
	root          = "../.."
	documentation = root + "/docs/engines.md"
	tablesBegin   = "<!-- begin of the tables made from test/compat -->\n"
	tablesEnd     = "<!-- end of the tables -->\n"
)

// TestDocumentIsCurrent holds the tables in docs/engines.md equal to the rows. `go test -update` writes them.
func TestDocumentIsCurrent(t *testing.T) {
	data, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(data), tablesBegin)
	_, tail, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		t.Fatalf("%s has lost the marks of its tables", documentation)
	}
	want := head + tablesBegin + tables() + tablesEnd + tail
	if *update {
		if err := os.WriteFile(documentation, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("%s is out of date (-want +got); write it with go test -update:\n%s", documentation, diff)
	}
}

// tables writes all areas.
func tables() string {
	var text strings.Builder
	for _, a := range areas() {
		fmt.Fprintf(&text, "\n## %s\n\n| row | request | answers | what we do |\n|---|---|---|---|\n", a.title)
		for _, r := range a.rows {
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", r.name, cell(r.request), r.answersCell(), cell(r.product))
		}
	}
	text.WriteString("\n")
	return text.String()
}

// answersCell lists the answers by the version from which on they hold.
func (r row) answersCell() string {
	var all []string
	for _, s := range r.answers {
		all = append(all, fmt.Sprintf("**%s** %s", s.from, cell(s.text)))
	}
	return strings.Join(all, "<br>")
}

// cell is a text as it stands in a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}

// TestRowsAreComplete finds rows without an answer or without a word on the product.
func TestRowsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range areas() {
		for _, r := range a.rows {
			switch {
			case seen[r.name]:
				t.Errorf("there are two rows %s", r.name)
			case len(r.answers) == 0 || r.request == "" || r.product == "":
				t.Errorf("row %s has no answer, no request or no word on what the product does", r.name)
			}
			seen[r.name] = true
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		version, than string
		want          bool
	}{
		{"20.10.24+dfsg1", "20.10", false}, {"20.10.24+dfsg1", "26", true}, {"26.1.5+dfsg1", "26", false}, {"29-v2.0.0-beta.24", "29", false},
		{"29-v2.0.0-beta.24", "28", false}, {"28-v28.5.2", "29", true}, {"1.1.5+ds1", "1.2", true}, {"1.5.1", "1.2", false}, {"unknown", "20.10", true},
	} {
		if got := older(c.version, c.than); got != c.want {
			t.Errorf("older(%q, %q) is %t", c.version, c.than, got)
		}
	}
}
