package rules

import (
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"path"
	"strconv"
	"strings"
	"testing"
)

// Sizes below which two things are alike by chance.
const (
	minBody = 30 // nodes of the syntax tree of a function's body
	minText = 12 // bytes of a text constant, or of a comment on any constant
)

// allowedTwins are pairs that stay, with the reason.
var allowedTwins = map[string]string{
	"statusFailed statusFailed": "exit statuses of docker, which never change; the command and what answers it say each what they mean by them",
	"statusUsage statusUsage":   "as above",
	"program userAgent":         "one is how people call the program, the other what servers see",
}

// TestTwins wants each function and each constant in one package alone. Two that are the same drift apart.
func TestTwins(t *testing.T) {
	var product []*file
	for _, f := range goFiles(t) {
		if !f.test() && !strings.HasPrefix(f.path, "test/") && !strings.HasPrefix(f.path, "findings/") && !strings.Contains(f.path, "testdata/") {
			product = append(product, f)
		}
	}
	for _, twin := range twins(product) {
		t.Error(twin)
	}
}

// twins returns the pairs of functions and constants that are the same in two packages.
func twins(files []*file) (found []string) {
	type place struct{ dir, name, at string }
	seen := map[string]place{}
	note := func(f *file, key, name string, pos token.Pos) {
		here := place{path.Dir(f.path), name, fmt.Sprintf("%s:%d", f.path, f.line(pos))}
		switch first, known := seen[key]; {
		case !known:
			seen[key] = here
		case first.dir != here.dir && allowedTwins[first.name+" "+here.name] == "":
			found = append(found, fmt.Sprintf("%s: %s is %s at %s once more", here.at, here.name, first.name, first.at))
		}
	}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body == nil {
					continue
				}
				if shape, size := shapeOf(d); size >= minBody {
					note(f, "func "+shape, d.Name.Name, d.Pos())
				}
			case *ast.GenDecl:
				if d.Tok == token.CONST {
					for _, s := range d.Specs {
						spec := s.(*ast.ValueSpec)
						for _, key := range constantKeys(f, d, spec) {
							note(f, key, spec.Names[0].Name, spec.Pos())
						}
					}
				}
			}
		}
	}
	return found
}

// shapeOf writes a function so that two which differ in the names of what they declare are equal, and counts its nodes.
func shapeOf(d *ast.FuncDecl) (shape string, size int) {
	var b strings.Builder
	numbers, local := map[string]int{}, declared(d)
	named := map[*ast.Ident]bool{} // of fields and methods, which are no variables
	ast.Inspect(d.Body, func(n ast.Node) bool {
		if n == nil {
			b.WriteByte(')')
			return true
		}
		size++
		fmt.Fprintf(&b, "(%T", n)
		switch n := n.(type) {
		case *ast.Ident:
			if !local[n.Name] || named[n] {
				b.WriteString(" " + n.Name)
				break
			}
			if _, known := numbers[n.Name]; !known {
				numbers[n.Name] = len(numbers)
			}
			b.WriteString(" #" + strconv.Itoa(numbers[n.Name]))
		case *ast.SelectorExpr:
			named[n.Sel] = true
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				named[key] = true
			}
		case *ast.BasicLit:
			b.WriteString(" " + n.Value)
		case *ast.BinaryExpr:
			b.WriteString(" " + n.Op.String())
		case *ast.UnaryExpr:
			b.WriteString(" " + n.Op.String())
		case *ast.AssignStmt:
			b.WriteString(" " + n.Tok.String())
		case *ast.IncDecStmt:
			b.WriteString(" " + n.Tok.String())
		case *ast.BranchStmt:
			b.WriteString(" " + n.Tok.String())
		}
		return true
	})
	return b.String(), size
}

// declared returns the names that a function declares: its receiver, parameters and results, and the variables of its body.
func declared(d *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	add := func(e ast.Expr) {
		if name, ok := e.(*ast.Ident); ok && name.Name != "_" {
			names[name.Name] = true
		}
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, name := range n.Names {
				add(name)
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				add(name)
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return names
}

// constantKeys returns what a constant must share with no other: its name and value together; its value with what is said about
// it; and a long text alone.
func constantKeys(f *file, d *ast.GenDecl, spec *ast.ValueSpec) (keys []string) {
	if len(spec.Names) != 1 || len(spec.Values) != 1 {
		return nil
	}
	var value strings.Builder
	if err := printer.Fprint(&value, f.set, spec.Values[0]); err != nil {
		return nil
	}
	literal, isLiteral := spec.Values[0].(*ast.BasicLit)
	isText := isLiteral && literal.Kind == token.STRING
	if trivial := value.String() == "iota" || isLiteral && len(literal.Value) == 1 || isText && len(literal.Value) < minText; trivial {
		return nil
	}
	keys = append(keys, "const "+strings.ToLower(spec.Names[0].Name)+" = "+value.String())
	doc := strings.TrimSpace(spec.Doc.Text() + spec.Comment.Text())
	if len(d.Specs) == 1 {
		doc = strings.TrimSpace(d.Doc.Text() + doc)
	}
	_, said, _ := strings.Cut(doc, " ") // the first word is the name
	if len(said) >= minText {
		keys = append(keys, "const "+said+" = "+value.String())
	}
	if isText {
		keys = append(keys, "text "+literal.Value)
	}
	return keys
}

func TestTwinsFindsThem(t *testing.T) {
	const pause = `func %s(%[2]s context.Context, %[3]s time.Duration) error {
		timer := time.NewTimer(%[3]s)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-%[2]s.Done():
			return %[2]s.Err()
		}
	}`
	for name, test := range map[string]struct {
		first, second string
		want          bool
	}{
		"function under another name": {fmt.Sprintf(pause, "pause", "ctx", "d"), fmt.Sprintf(pause, "sleep", "c", "wait"), true},
		"function that differs":       {fmt.Sprintf(pause, "pause", "ctx", "d"), strings.ReplaceAll(fmt.Sprintf(pause, "pause", "ctx", "d"), "nil", "errTime"), false},
		"small function":              {"func a() int { return 1 }", "func a() int { return 1 }", false},
		"constant":                    {"const limit = 4 << 10", "const Limit = 4 << 10", true},
		"constant of one digit":       {"const version = 1", "const version = 1", false},
		"constant of another value":   {"const limit = 4 << 10", "const limit = 5 << 10", false},
		"text under another name":     {`const prefix = "mesos-docker-containerizer."`, `const begin = "mesos-docker-containerizer."`, true},
		"short text":                  {`const a = "docker"`, `const b = "docker"`, false},
		"quantity that is described":  {"// slack is what a clock may be late.\nconst slack = 20", "// margin is what a clock may be late.\nconst margin = 20", true},
		"number of the same value":    {"const slack = 20", "const margin = 20", false},
	} {
		t.Run(name, func(t *testing.T) {
			var files []*file
			for p, text := range map[string]string{"a/a.go": test.first, "b/b.go": test.second} {
				f, err := parse(p, "package p\n"+text)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			if found := twins(files); (len(found) > 0) != test.want {
				t.Errorf("found %q, want some: %v", found, test.want)
			}
			files[1].path = "a/b.go" // a package's own affair
			files[0].path = "a/a.go"
			if found := twins(files); len(found) > 0 {
				t.Errorf("within a package: %q", found)
			}
		})
	}
}
