package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mesos-docker-containerizer/executor/manual"
)

// The manual has the flags that set and setAgents take, and no others.
func TestManual(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "flags.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var taken []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "set" && f.Name.Name != "setAgents" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CaseClause); ok {
				for _, e := range c.List {
					if literal, ok := e.(*ast.BasicLit); ok {
						name, err := strconv.Unquote(literal.Value)
						if err != nil {
							t.Fatal(err)
						}
						taken = append(taken, name)
					}
				}
			}
			return true
		})
	}
	taken = append(taken, environmentFlag) // a constant, as is environmentFileFlag, which nobody gives but the executor itself
	var described []string
	for _, f := range manual.Flags {
		described = append(described, f.Name)
	}
	taken = slices.DeleteFunc(taken, func(name string) bool { return strings.HasPrefix(name, "no-") })
	slices.Sort(taken)
	slices.Sort(described)
	if !slices.Equal(taken, described) {
		t.Errorf("the manual describes %q, the program takes %q", described, taken)
	}
}
