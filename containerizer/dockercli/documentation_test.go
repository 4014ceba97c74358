package dockercli

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// documentation is what says what is supported.
const documentation = "../../docs/docker-command.md"

var documentedOption = regexp.MustCompile("`(--?[a-z-]+)`")

// TestDocumentation holds the table of commands and their options against what is read from a command line.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedCommands(string(page))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(commands)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Fatalf("commands, and those of the page:\n%s", diff)
	}
	syntaxes := []syntax{
		execSyntax, inspectSyntax, killSyntax, logsSyntax, psSyntax, pullSyntax, rmSyntax, stopSyntax, waitSyntax,
		runSyntax, // has no options: they are those of docker, described elsewhere
	}
	for _, s := range syntaxes {
		options := []string{}
		s.flags().VisitAll(func(f *pflag.Flag) {
			options = append(options, "--"+f.Name)
			if f.Shorthand != "" {
				options = append(options, "-"+f.Shorthand)
			}
		})
		slices.Sort(options)
		if diff := cmp.Diff(options, documented[s.name]); diff != "" {
			t.Errorf("options of %s, and those of the page:\n%s", s.name, diff)
		}
	}
	if len(syntaxes) != len(commands) {
		t.Errorf("this test knows %d of %d commands", len(syntaxes), len(commands))
	}
}

// documentedCommands returns the options in the second column of the table of commands, sorted.
func documentedCommands(page string) map[string][]string {
	documented := make(map[string][]string)
	_, table, _ := strings.Cut(page, "\n| command | options |")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		columns := strings.Split(line, "|")
		name, ok := strings.CutPrefix(columns[1%len(columns)], " `")
		if !ok {
			continue
		}
		options := []string{}
		for _, found := range documentedOption.FindAllStringSubmatch(columns[2], -1) {
			options = append(options, found[1])
		}
		slices.Sort(options)
		documented[strings.TrimSuffix(name, "` ")] = options
	}
	return documented
}
