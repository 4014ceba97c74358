// Package reach finds functions that no program calls.
//
// It follows calls from the main functions by rapid type analysis, as golang.org/x/tools/cmd/deadcode does: a call of an
// interface's method is one of every type that the programs turn into an interface. Exported methods of such types count as reached, since reflection may call them.
package reach

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/callgraph/rta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// Function is a function or method that no program calls.
type Function struct {
	Package  string // its import path
	Name     string // such as F or T.M
	Position string // "file:line", the file from the module's root

	// Linked are the programs that link its package.
	Linked []string
}

// Unreached returns the functions of the module in dir that none of the programs calls, among the packages that at least one of
// them links. Programs are the import paths of main packages. Functions in generated files and those named "_" do not count.
func Unreached(dir string, programs ...string) ([]Function, error) {
	mains, err := load(dir, programs)
	if err != nil {
		return nil, err
	}
	reached, err := reachedFrom(mains)
	if err != nil {
		return nil, err
	}
	linked := make(map[*packages.Package][]string)
	for _, program := range mains {
		packages.Visit([]*packages.Package{program}, func(p *packages.Package) bool {
			if p.Module != nil && p.Module.Main {
				linked[p] = append(linked[p], program.PkgPath)
			}
			return true
		}, nil)
	}
	var unreached []Function
	for p, by := range linked {
		for _, d := range functions(p) {
			at := p.Fset.Position(d.Name.Pos())
			if reached[place(at)] {
				continue
			}
			if file, err := filepath.Rel(p.Module.Dir, at.Filename); err == nil {
				at.Filename = file
			}
			unreached = append(unreached, Function{p.PkgPath, name(d), fmt.Sprintf("%s:%d", at.Filename, at.Line), by})
		}
	}
	slices.SortFunc(unreached, func(a, b Function) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Position, b.Position))
	})
	return unreached, nil
}

// load returns the programs' packages in the order of their paths, with the syntax of all that they link.
func load(dir string, programs []string) ([]*packages.Package, error) {
	mains, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedModule,
		Dir: dir,
		Env: append(os.Environ(), "CGO_ENABLED=0"), // as the programs are built
	}, programs...)
	if err != nil {
		return nil, err
	}
	var failed error
	packages.Visit(mains, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			failed = cmp.Or(failed, error(e))
		}
	})
	if failed != nil {
		return nil, failed
	}
	slices.SortFunc(mains, func(a, b *packages.Package) int { return cmp.Compare(a.PkgPath, b.PkgPath) })
	return mains, nil
}

// reachedFrom returns where the functions are declared that the programs call.
func reachedFrom(mains []*packages.Package) (map[token.Position]bool, error) {
	program, built := ssautil.AllPackages(mains, ssa.InstantiateGenerics)
	program.Build()
	var roots []*ssa.Function
	for i, p := range built {
		if p == nil || p.Func("main") == nil {
			return nil, fmt.Errorf("%s is no program", mains[i].PkgPath)
		}
		roots = append(roots, p.Func("init"), p.Func("main"))
	}
	reached := make(map[token.Position]bool)
	for f := range rta.Analyze(roots, false).Reachable {
		if f.Pos().IsValid() { // an instance of a generic function is where the function is
			reached[place(program.Fset.Position(f.Pos()))] = true
		}
	}
	return reached, nil
}

// place is a position without its offset, which differs between two readings of a file.
func place(p token.Position) token.Position {
	p.Offset = 0
	return p
}

// functions returns the functions that a package declares in files that a person has written. An init is called by the runtime.
func functions(p *packages.Package) (all []*ast.FuncDecl) {
	for _, file := range p.Syntax {
		if ast.IsGenerated(file) {
			continue
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name != "_" && !(f.Name.Name == "init" && f.Recv == nil) {
				all = append(all, f)
			}
		}
	}
	return all
}

// name is a function's, after that of its receiver's type.
func name(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	of := d.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}
