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

// syntaxes are those of all commands but run, whose options are docker's.
var syntaxes = []syntax{execSyntax, inspectSyntax, killSyntax, logsSyntax, psSyntax, pullSyntax, rmSyntax, stopSyntax, waitSyntax}

// The table for people says what the tables of the commands say.
func TestDocumentationNamesWhatIsSupported(t *testing.T) {
	const path = "../../docs/docker-command.md"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(content), -1) {
		documented[row[1]] = strings.TrimSpace(row[2])
	}
	want := map[string]string{"run": "those of `docker run`"}
	for _, s := range syntaxes {
		var options []string
		s.flags().VisitAll(func(f *pflag.Flag) {
			option := "`--" + f.Name + "`"
			if f.Shorthand != "" {
				option = "`-" + f.Shorthand + ", --" + f.Name + "`"
			}
			if f.Name == "time" {
				option += " (`--timeout`)"
			}
			options = append(options, option)
		})
		want[s.name] = strings.Join(options, " ")
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("the commands' options and those in %s:\n%s", path, diff)
	}
	if got := slices.Sorted(maps.Keys(commands)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("commands %q, but documented %q", got, slices.Sorted(maps.Keys(want)))
	}
}
