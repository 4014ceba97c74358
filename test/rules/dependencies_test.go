package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependenciesAreExplained holds docs/dependencies.md and the direct requirements of go.mod together.
func TestDependenciesAreExplained(t *testing.T) {
	read := func(path string) string {
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	gomod, explained := read("go.mod"), rows(read("docs/dependencies.md"))
	required := requirements(gomod)
	if len(required) == 0 || len(explained) == 0 {
		t.Fatalf("%d requirements, %d explanations: this test reads wrong", len(required), len(explained))
	}
	for _, m := range required {
		if !slices.Contains(explained, m) {
			t.Errorf("%s is a direct dependency without a line in docs/dependencies.md: what is it for, what else was considered?", m)
		}
	}
	for _, m := range explained {
		if !strings.Contains(gomod, m+" v") {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", m)
		}
	}
}

var requirement = regexp.MustCompile(`(?m)^(?:require )?\s*([\w.-]+\.[\w.-]+/\S+) v\S+( // indirect)?$`)

// requirements returns the modules that go.mod requires directly.
func requirements(gomod string) (direct []string) {
	for _, m := range requirement.FindAllStringSubmatch(gomod, -1) {
		if m[2] == "" {
			direct = append(direct, m[1])
		}
	}
	return direct
}

// rows returns the module in the first column of each row of the page's table.
func rows(page string) (modules []string) {
	for line := range strings.Lines(page) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			modules = append(modules, name)
		}
	}
	return modules
}

func TestRequirements(t *testing.T) {
	const gomod = "module m\n\ngo 1.26.0\n\nrequire (\n\ta.org/b v1.0.0\n\tc.org/d/v2 v2.0.0+incompatible\n\te.org/f v0.0.0 // indirect\n)\n\nrequire g.org/h v1.2.3\n"
	if got := requirements(gomod); !slices.Equal(got, []string{"a.org/b", "c.org/d/v2", "g.org/h"}) {
		t.Error(got)
	}
	if got := rows("| module | for |\n|---|---|\n| `a.org/b` | x |\ntext `c.org/d`\n"); !slices.Equal(got, []string{"a.org/b"}) {
		t.Error(got)
	}
}
