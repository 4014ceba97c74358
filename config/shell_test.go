package config

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The variable of all shell tests is X. A want of "?" is a value that only a
// shell can tell, "-" a variable that is not set or unset.
var shellTests = []struct{ file, want string }{
	{"", "-"},
	{"# X=1", "-"},
	{"X=1", "1"},
	{"X=1\r\n", "1\r"},
	{" \t X=1 # one", "1"},
	{"X=1#2", "1#2"},
	{"X=", ""},
	{"X=1;X=2", "2"},
	{"X=1\nY=3\n\nX=2\n", "2"},
	{"export X=1", "1"},
	{"export Y=2 X=1 Z", "1"},
	{"X=1; export X", "1"},
	{"export -p X=1", "1"},
	{"declare -x X=1", "1"},
	{"Y=2 X=1", "1"},
	{"Y=2 export X=1", "1"},

	{`X='a b'`, "a b"},
	{`X="a b"`, "a b"},
	{`X=a' 'b" "c\ d`, "a b c d"},
	{`X='$HOME \ "'`, `$HOME \ "`},
	{`X="\$HOME \" \\ \n \` + "`" + `"`, `$HOME " \ \n ` + "`"},
	{`X=\$HOME`, "$HOME"},
	{"X='a\nb'", "a\nb"},
	{"X='a\\\nb'", "a\\\nb"},
	{"X=\"a\\\nb\"", "ab"},
	{"X=a\\\nb", "ab"},
	{"X=a \\\nY=2\nexport \\\n X", "a"},
	{`X={"a":"b"}`, "{a:b}"},
	{`X='{"a":"b"}'`, `{"a":"b"}`},
	{`X=a=b`, "a=b"},
	{`X=a~b`, "a~b"},
	{`X="~"`, "~"},
	{`X=$`, "$"},
	{`X="a$"`, "a$"},
	{`X="$'a'"`, "$'a'"},
	{`X=a*`, "a*"},
	{`"X"=1`, "-"},
	{`X\=1`, "-"},

	{`X=1 true`, "-"},
	{`echo X=1 >/dev/null`, "-"},
	{`echo "` + "\n" + `X=1` + "\n" + `" >/dev/null`, "-"},
	{`X=1 >/dev/null 2>&1`, "1"},
	{`X=1 2>/dev/null; Y=1`, "1"},
	{"cat <<END >/dev/null\nX=1\nEND\nX=2", "2"},
	{"cat <<-'E D' >/dev/null\nX=1\n\tE D\nX=2", "2"},
	{"X=2\ncat <<A >/dev/null; cat <<B >/dev/null\nA\nX=1\nB\n", "2"},
	{"X=2\ncat <<< X=1 >/dev/null", "2"},
	{"X=1; unset X", "-"},
	{"X=1; unset -v Y X", "-"},
	{"X=1; unset Y", "1"},
	{"if false; then Y=1; fi; X=2", "2"},
	{"f() { X=1; }; X=2", "2"},
	{"case a in b) Y=1;; a) Y=2;; esac\nX=3", "3"},
	{"(Y=1); X=2", "2"},
	{"for i in 1 2; do Y=$i; done; X=3", "3"},
	{"[[ -n $Y ]] && Y=1\nX=2", "2"},
	{"true ||\nY=1\nX=2", "2"},
	{"{ Y=1; }; X=2", "2"},
	{`Y="${Z:-it'}'s}"; X=1`, "1"},
	{`Y=$(echo ')' "$(echo '(')" \)); X=1`, "1"},
	{"Y=`echo \\`echo a\\``; X=1", "1"},
	{"Y=(a 'b)' c); X=1", "1"},
	{"echo {if then >/dev/null\nX=1", "1"},
	{"set -a\nX=1\nset +a", "1"},

	{"X=$(echo 1)", "?"},
	{"X=\"a$(echo 1)b\"", "?"},
	{"X=`echo 1`", "?"},
	{"X=\"`echo 1`\"", "?"},
	{"X=$HOME", "?"},
	{"X=\"${HOME}/a\"", "?"},
	{"X=$1", "?"},
	{"X=$\\\n#", "?"},
	{"X=$\\\nHOME", "?"},
	{"X=\"a$\\\n{HOME}\"", "?"},
	{"X=a$\\\n", "a$"},
	{"X=$((1+2))", "?"},
	{"X=~/a", "?"},
	{"X=a:~/b", "?"},
	{"X=$'a\\'b'", "?"},
	{`X=$"a"`, "?"},
	{"X=(a b)", "?"},
	{"X[0]=a", "?"},
	{"X=1; X+=2", "?"},
	{"if true; then X=1; fi", "?"},
	{"if true; then export X=1; fi", "?"},
	{"X=1; if true; then unset X; fi", "?"},
	{"true && X=1", "?"},
	{"false || X=1", "?"},
	{"true &&\n\nX=1", "?"},
	{"(X=1)", "?"},
	{"f() { X=1; }; f", "?"},
	{"for i in 1; do X=1; done", "?"},
	{"X=1 | true", "?"},
	{"X=1 & wait", "?"},
	{": ${X:=1}", "?"},
	{`: "${X=1}"`, "?"},
	{"X=$(echo 1)\nX=2", "2"},
	{"X=2\nX=$(echo 1)", "?"},
}

func TestParseShell(t *testing.T) {
	for _, tt := range shellTests {
		all, err := parseShell(tt.file)
		if got := valueOfX(all); err != nil || got != tt.want {
			t.Errorf("%q makes X %q, %v, want %q", tt.file, got, err, tt.want)
		}
	}
}

// valueOfX is what the assignments make of X, in the notation of shellTests.
func valueOfX(all map[string]assignment) string {
	a, ok := all["X"]
	switch {
	case !ok || errors.Is(a.fault, errUnset):
		return "-"
	case errors.Is(a.fault, errShell):
		return "?"
	}
	return a.value
}

// TestShellAgrees asks a real shell about the same files.
func TestShellAgrees(t *testing.T) {
	shell := newShell(t)
	for _, tt := range shellTests {
		if tt.want == "?" {
			continue
		}
		if got := shell.x(t, tt.file); got != tt.want {
			t.Errorf("the shell makes X %q of %q, want %q", got, tt.file, tt.want)
		}
	}
}

type shell struct{ program, file string }

func newShell(t *testing.T) shell {
	program, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash to compare with")
	}
	return shell{program, filepath.Join(t.TempDir(), "file")}
}

func (s shell) x(t interface{ Fatal(...any) }, file string) string {
	if err := os.WriteFile(s.file, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.program, "--norc", "--noprofile", "-c", `. "$1"; printf .%s "${X--}"`, "bash", s.file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(file, err)
	}
	return strings.TrimPrefix(string(out), ".")
}

// TestShellAgreesOnAnything builds files of what people write and wants the
// real shell to agree with each value that we are sure of.
func TestShellAgreesOnAnything(t *testing.T) {
	shell := newShell(t)
	piece := rapid.SampledFrom([]string{
		"a", "1", "=", "#", " ", "'a b'", `"a b"`, `\ `, `\\`, `"\""`, `"\a"`, "'#'", `\'`, "$", "\\\n", "'\n'", "~", "{", "}", "*", ":", "!",
	})
	line := rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(t, "value"), "")
		head := rapid.SampledFrom([]string{"X=", "export X=", "Y=1 X=", "Y=", "true X=", "# X=", "  X="}).Draw(t, "head")
		return head + text
	})
	rapid.Check(t, func(t *rapid.T) {
		file := strings.Join(rapid.SliceOfN(line, 1, 4).Draw(t, "lines"), "\n")
		all, err := parseShell(file)
		want := valueOfX(all)
		if err != nil || want == "?" {
			return
		}
		// Words after an assignment are commands, which do not exist.
		if got := shell.x(t, "exec 2>/dev/null\n"+file+"\n:"); got != want {
			t.Fatalf("the shell makes X %q of %q, we make it %q", got, file, want)
		}
	})
}

func TestParseShellErrors(t *testing.T) {
	for file, want := range map[string]string{
		"A=1\nX='a\nb":      "line 2: the ' has no second one",
		"X=\"a":             `line 1 has no second one`,
		"\nX=$(echo (":      "the ( of line 2 is not closed",
		"X=${A":             "the { of line 1 is not closed",
		"X=`a":              "the ` of line 1 has no second one",
		"X=$'a\\'":          "the ' of line 1 has no second one",
		"X=(a\nb":           "the ( of line 1 is not closed",
		"cat <(echo\n":      "the ( of line 1 is not closed",
		"X=\"$(echo \"a)\"": "is not closed",
	} {
		_, err := parseShell(file)
		checkError(t, file, err, want)
	}
}

func TestParseShellLines(t *testing.T) {
	got, err := parseShell("A=1\nB='\n\n'\nC=\"\n\"; D=$(\n)\nE=\\\n1\ncat <<X\nF=1\nX\nG=1 \\\n H=1\n")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	for name, a := range got {
		lines[name] = a.line
	}
	want := map[string]int{"A": 1, "B": 2, "C": 5, "D": 6, "E": 8, "G": 13, "H": 14}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseShell(f *testing.F) {
	for _, tt := range shellTests {
		f.Add(tt.file)
	}
	f.Add(strings.Repeat("if ", 1000) + "X=1")
	f.Fuzz(func(t *testing.T, file string) {
		all, err := parseShell(file)
		if err != nil {
			return
		}
		for name, a := range all {
			if name == "" || variableName.FindString(name) != name {
				t.Fatalf("%q is the name of no variable", name)
			}
			if a.line < 1 || a.line > strings.Count(file, "\n")+1 {
				t.Fatalf("%s is said to be in line %d", name, a.line)
			}
			if a.fault != nil && !errors.Is(a.fault, errShell) && !errors.Is(a.fault, errUnset) {
				t.Fatalf("%s has a fault of no known kind: %v", name, a.fault)
			}
		}
		// What follows an empty line stands by itself, unless something is
		// still open, which is a fault, or a here-document, which hides it.
		all, err = parseShell(file + "\n\nX='last'\n")
		if got := valueOfX(all); err == nil && got != "last" && got != "?" && !strings.Contains(file, "<<") {
			t.Fatalf("the last assignment gives %q", got)
		}
	})
}

// TestParseShellLarge has files as large as any, and of the kinds that cost most. The bound tells linear from quadratic on the
// slowest of machines.
func TestParseShellLarge(t *testing.T) {
	var b strings.Builder
	for i := 0; b.Len() < MaxFile; i++ {
		fmt.Fprintf(&b, "A%d=1\n", i)
	}
	for _, file := range []string{
		b.String(),
		strings.Repeat("$(", MaxFile/2),
		strings.Repeat("${", MaxFile/2),
		strings.Repeat("<<A ", MaxFile/4),
		strings.Repeat("if ", MaxFile/3),
		strings.Repeat("\\\n", MaxFile/2),
		"X=" + strings.Repeat(":~", MaxFile/2),
	} {
		start := time.Now()
		_, err := parseShell(file)
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%.10q… takes %v: %v", file, d, err)
		}
	}
}
