package dockercli

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// containerSyntaxes are those of the commands that act on containers.
var containerSyntaxes = map[string]syntax{
	"inspect": inspectSyntax, "kill": killSyntax, "ps": psSyntax, "rm": rmSyntax, "stop": stopSyntax, "wait": waitSyntax,
}

// values are the options that a command line sets.
func values(set *pflag.FlagSet) map[string]string {
	given := map[string]string{}
	set.Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	return given
}

func TestSyntaxReadsWhatAgentsAndScriptsWrite(t *testing.T) {
	for _, c := range []struct {
		line     string
		options  map[string]string
		operands []string
	}{
		{"ps -a", map[string]string{"all": "true"}, nil},
		{"ps --all=true", map[string]string{"all": "true"}, nil},
		{"inspect --type=container x", map[string]string{"type": "container"}, []string{"x"}},
		{"inspect x --type image y", map[string]string{"type": "image"}, []string{"x", "y"}},
		{"stop -t 3 x", map[string]string{"time": "3"}, []string{"x"}},
		{"stop -t=3 x", map[string]string{"time": "3"}, []string{"x"}},
		{"stop -t3 x", map[string]string{"time": "3"}, []string{"x"}},
		{"stop --time 3 x", map[string]string{"time": "3"}, []string{"x"}},
		{"stop --timeout 3 x", map[string]string{"time": "3"}, []string{"x"}},
		{"stop --timeout=3 x -- -t", map[string]string{"time": "3"}, []string{"x", "-t"}},
		{"rm -f -v x", map[string]string{"force": "true", "volumes": "true"}, []string{"x"}},
		{"rm -fv x", map[string]string{"force": "true", "volumes": "true"}, []string{"x"}},
		{"rm --force --volumes=false x", map[string]string{"force": "true", "volumes": "false"}, []string{"x"}},
		{"kill --signal SIGTERM x", map[string]string{"signal": "SIGTERM"}, []string{"x"}},
		{"kill --signal=9 x", map[string]string{"signal": "9"}, []string{"x"}},
		{"kill -sINT x", map[string]string{"signal": "INT"}, []string{"x"}},
		{"wait x y", map[string]string{}, []string{"x", "y"}},
	} {
		arguments := strings.Fields(c.line)
		set, operands, err := containerSyntaxes[arguments[0]].parse(Call{Arguments: arguments})
		if err != nil {
			t.Errorf("docker %s: %v", c.line, err)
			continue
		}
		if diff := cmp.Diff(c.options, values(set)); diff != "" {
			t.Errorf("docker %s: options:\n%s", c.line, diff)
		}
		if !slices.Equal(operands, c.operands) {
			t.Errorf("docker %s: operands %q, want %q", c.line, operands, c.operands)
		}
	}
}

// What is not supported is refused by name, with docker's status for it.
func TestUnsupportedIsRefusedByName(t *testing.T) {
	d := newDocker(t, "/nonexistent/docker.sock")
	for line, want := range map[string]result{
		"stop --signal=TERM x":     {statusUsage, "", "unknown flag: --signal\nSee 'docker stop --help'.\n"},
		"stop -s TERM x":           {statusUsage, "", "unknown shorthand flag: 's' in -s\nSee 'docker stop --help'.\n"},
		"ps --filter name=x":       {statusUsage, "", "unknown flag: --filter\nSee 'docker ps --help'.\n"},
		"rm --link x":              {statusUsage, "", "unknown flag: --link\nSee 'docker rm --help'.\n"},
		"inspect --format {{.}} x": {statusUsage, "", "unknown flag: --format\nSee 'docker inspect --help'.\n"},
		"inspect --type=volume x":  {statusFailed, "", "\"volume\" is not a valid value for --type\n"},
		"stop -t -1 x":             {statusFailed, "", "-1 is not a number of seconds that a stop can take\n"},
		"stop -t 3000000000 x":     {statusFailed, "", "3000000000 is not a number of seconds that a stop can take\n"},
	} {
		if diff := cmp.Diff(want, answer(t.Context(), d, strings.Fields(line)...)); diff != "" {
			t.Errorf("docker %s:\n%s", line, diff)
		}
	}
}

func TestHelpNamesEveryOption(t *testing.T) {
	d := newDocker(t, "/nonexistent/docker.sock")
	for name, s := range containerSyntaxes {
		got := answer(t.Context(), d, name, "--help")
		if got.Status != 0 || got.Stderr != "" || !strings.HasPrefix(got.Stdout, "\nUsage:  docker "+name) || !strings.Contains(got.Stdout, s.about) {
			t.Errorf("docker %s --help: %+v", name, got)
		}
		s.flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(got.Stdout, "--"+f.Name) || !strings.Contains(got.Stdout, f.Usage) {
				t.Errorf("docker %s --help does not name --%s: %s", name, f.Name, got.Stdout)
			}
		})
	}
}

// A command line is read or refused, and nothing of one that is read gets lost.
func FuzzSyntax(f *testing.F) {
	for _, line := range []string{"ps\x00-a", "inspect\x00--type=container\x00x", "stop\x00-t\x003\x00x", "rm\x00-f\x00-v\x00x", "kill\x00-s\x009\x00x", "wait\x00x\x00--help",
		"stop\x00--\x00-t", "stop\x00-t", "stop\x00", "rm\x00-fvf=\x00", "inspect\x00--type\x00\x00"} {
		f.Add(line)
	}
	names := slices.Sorted(maps.Keys(containerSyntaxes))
	f.Fuzz(func(t *testing.T, line string) {
		arguments := strings.Split(line, "\x00")
		s, known := containerSyntaxes[arguments[0]]
		if !known {
			arguments[0] = names[len(line)%len(names)]
			s = containerSyntaxes[arguments[0]]
		}
		var stdout bytes.Buffer
		set, operands, err := s.parse(Call{Arguments: arguments, Stdout: &stdout})
		if err != nil {
			if set != nil || operands != nil || (stdout.Len() == 0) != (err.Error() != "exit status 0") {
				t.Errorf("%q was refused (%v) and read: %v, %q", arguments, err, set, operands)
			}
			return
		}
		if (s.operands == "") != (len(operands) == 0) {
			t.Errorf("%q: operands %q", arguments, operands)
		}
		rest := arguments[1:]
		for _, o := range operands { // in their order
			i := slices.Index(rest, o)
			if i < 0 {
				t.Fatalf("%q: operand %q is none of them", arguments, o)
			}
			rest = rest[i+1:]
		}
		if len(values(set)) == 0 && len(operands) < len(arguments)-1 && !slices.Contains(arguments, "--") {
			t.Errorf("%q: nothing was made of what is no operand (%q)", arguments, operands)
		}
	})
}
