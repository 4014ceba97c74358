package rules

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Lengths in lines: what is longer has more than one idea.
const (
	maxFile     = 500
	maxFunction = 60 // of code; tests may be longer where they tell one story
)

func TestLengths(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, wrong := range tooLong(f) {
			t.Error(wrong)
		}
	}
}

func tooLong(f *file) (wrong []string) {
	if n := f.line(f.ast.FileEnd); n > maxFile {
		wrong = append(wrong, fmt.Sprintf("%s has %d lines, more than %d", f.path, n, maxFile))
	}
	if f.test() {
		return wrong
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFunction {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s has %d lines, more than %d", f.path, f.line(fn.Pos()), fn.Name.Name, n, maxFunction))
			}
		}
	}
	return wrong
}

func TestPackagesHaveOneDocComment(t *testing.T) {
	for _, wrong := range docs(goFiles(t)) {
		t.Error(wrong)
	}
}

// docs finds packages without a doc comment, with several, or with one that does not begin as godoc wants it. External test
// packages and tests beside code need none.
func docs(files []*file) (wrong []string) {
	where := make(map[string][]string) // the documented files of each directory
	for _, f := range files {
		dir := path.Dir(f.path)
		where[dir] = append(where[dir], nil...)
		if f.ast.Doc == nil {
			continue
		}
		where[dir] = append(where[dir], f.path)
		want := "Package " + f.ast.Name.Name + " "
		if f.ast.Name.Name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		if text := f.ast.Doc.Text(); !strings.HasPrefix(text, want) {
			wrong = append(wrong, fmt.Sprintf("%s: the package's doc comment should begin with %q", f.path, want))
		}
	}
	for dir, documented := range where {
		if len(documented) != 1 {
			wrong = append(wrong, fmt.Sprintf("package %s has %d doc comments instead of one: %v", dir, len(documented), documented))
		}
	}
	return wrong
}

// sleepers are the files that may call time.Sleep, with the reason. Tests in a bubble of testing/synctest need not be here:
// there it moves a clock.
var sleepers = map[string]string{
	"executor/executor_test.go": "its tests run in the bubble that harness_test.go makes",
	"executor/health_test.go":   "its tests run in the bubble that harness_test.go makes",
	"executor/kill_test.go":     "its tests run in the bubble that harness_test.go makes",
}

func TestNobodySleeps(t *testing.T) {
	used := make(map[string]bool)
	for _, f := range goFiles(t) {
		calls := sleeps(f)
		if sleepers[f.path] != "" {
			used[f.path] = len(calls) > 0
			continue
		}
		for _, line := range calls {
			t.Errorf("%s:%d: time.Sleep waits too long or not long enough; wait for what is awaited, with a limit", f.path, line)
		}
	}
	for path := range sleepers {
		if !used[path] {
			t.Errorf("%s may call time.Sleep and does not: take it off the list", path)
		}
	}
}

func sleeps(f *file) (lines []int) {
	for _, i := range f.ast.Imports {
		if name, _ := strconv.Unquote(i.Path.Value); name == "testing/synctest" && f.test() {
			return nil
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				lines = append(lines, f.line(s.Pos()))
			}
		}
		return true
	})
	return lines
}

func TestSourceRulesCatchWhatTheyForbid(t *testing.T) {
	must := func(path, source string) *file {
		f, err := parse(path, source)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	function := "func f() {" + strings.Repeat("\n", maxFunction-1) + "}\n"
	for name, c := range map[string]struct {
		file *file
		want int
	}{
		"longest function":  {must("p/a.go", "package p\n"+function), 0},
		"longer function":   {must("p/a.go", "package p\n"+strings.Replace(function, "\n", "\n\n", 1)), 1},
		"the same in tests": {must("p/a_test.go", "package p\n"+strings.Replace(function, "\n", "\n\n", 1)), 0},
		"longest file":      {must("p/a_test.go", "package p\n"+strings.Repeat("//\n", maxFile-1)), 0},
		"longer file":       {must("p/a_test.go", "package p\n"+strings.Repeat("//\n", maxFile)), 1},
	} {
		if got := tooLong(c.file); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}

	one, two := must("p/a.go", "// Package p is.\npackage p"), must("p/b.go", "// Package p is, again.\npackage p")
	none, odd := must("p/c.go", "package p"), must("p/d.go", "// The package p.\npackage p")
	command := must("cmd/x/main.go", "// Command x does.\npackage main")
	for want, files := range map[int][][]*file{
		0: {{one}, {one, none}, {command}},
		1: {{none}, {one, two}, {odd}},
	} {
		for _, f := range files {
			if got := docs(f); len(got) != want {
				t.Errorf("docs: %v", got)
			}
		}
	}

	const call = "import \"time\"\nvar _ = func() { time.Sleep(1) }\n"
	if got := sleeps(must("p/a_test.go", "package p\n"+call)); !slices.Equal(got, []int{3}) {
		t.Errorf("sleeps in lines %v", got)
	}
	if got := sleeps(must("p/a_test.go", "package p\nimport _ \"testing/synctest\"\n"+call)); got != nil {
		t.Errorf("sleeps in a bubble: %v", got)
	}
}
