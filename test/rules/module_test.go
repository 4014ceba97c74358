package rules

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.."
	module = "mesos-docker-containerizer"
)

// listed is a package as `go list` describes it. Tests are not counted among its imports.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// graph is every package of the module and all they link, by import path.
type graph map[string]*listed

var list = sync.OnceValues(func() (graph, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	g := make(graph)
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return g, nil
		case err != nil:
			return nil, err
		}
		g[strings.TrimPrefix(p.ImportPath, module+"/")] = &p
		for i := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(p.Imports[i], module+"/")
		}
	}
})

// packages returns the graph with the module's own packages under their paths within it, such as "executor/wire".
func packages(t *testing.T) graph {
	t.Helper()
	g, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g graph) own(path string) bool {
	p, ok := g[path]
	return ok && strings.HasPrefix(p.ImportPath, module+"/")
}

// file is one Go file of the module.
type file struct {
	path string // from the module's root
	set  *token.FileSet
	ast  *ast.File
}

func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// line returns the line of a position.
func (f *file) line(pos token.Pos) int { return f.set.Position(pos).Line }

func parse(path string, source any) (*file, error) {
	set := token.NewFileSet()
	a, err := parser.ParseFile(set, path, source, parser.ParseComments)
	return &file{path, set, a}, err
}

// tree calls visit with the path, from the module's root, of every file that is not built or kept by git.
func tree(t *testing.T, visit func(path string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "build"):
			return fs.SkipDir
		case d.Type().IsRegular():
			visit(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles returns every Go file of the module except what a program has written.
func goFiles(t *testing.T) []*file {
	t.Helper()
	var all []*file
	tree(t, func(path string) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		source, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parse(path, source)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(f.ast) {
			all = append(all, f)
		}
	})
	if len(all) < 10 {
		t.Fatalf("only %d Go files found: these tests look in the wrong place", len(all))
	}
	return all
}
