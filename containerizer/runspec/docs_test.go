package runspec_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
)

var update = flag.Bool("update", false, "write docs/parameters.md anew")

const (
	documentation = "../../docs/parameters.md"
	tableBegin    = "<!-- begin of the table made from containerizer/runspec/rules.go -->\n"
	tableEnd      = "<!-- end of the table -->\n"
)

// TestDocumentationIsCurrent holds the table in docs/parameters.md equal to the rules. `go test -update` writes it.
func TestDocumentationIsCurrent(t *testing.T) {
	data, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(data), tableBegin)
	_, tail, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has lost the marks of its table", documentation)
	}
	want := head + tableBegin + ruleTable() + tableEnd + tail
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

// ruleTable writes every decision that needs a word, and the names of the rest.
func ruleTable() string {
	var table strings.Builder
	var passed []string
	table.WriteString("\n| parameter | decision | why, or what to know |\n|---|---|---|\n")
	for _, rule := range runspec.Rules {
		if rule.Reason == "" {
			passed = append(passed, "`"+rule.Name+"`")
			continue
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", rule.Name, rule.Decision, rule.Reason)
	}
	fmt.Fprintf(&table, "\nPassed as they are, without anything to know: %s.\n\n", strings.Join(passed, ", "))
	return table.String()
}
