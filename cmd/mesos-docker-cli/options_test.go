package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	for line, want := range map[string]options{
		"ps -a":                           {command: []string{"ps", "-a"}},
		"-H unix:///s inspect -H":         {command: []string{"inspect", "-H"}},
		"-Hunix:///s ps":                  {command: []string{"ps"}},
		"-H=unix:///s ps":                 {command: []string{"ps"}},
		"--host unix:///s ps --version":   {command: []string{"ps", "--version"}},
		"--host=unix:///s -D -l warn ps":  {command: []string{"ps"}},
		"-DH unix:///s ps":                {command: []string{"ps"}},
		"--debug=false --log-level=x ps":  {command: []string{"ps"}},
		"--debug=true ps":                 {command: []string{"ps"}},
		"-D=true ps":                      {command: []string{"ps"}},
		"--run_dir /r -- ps":              {runDirectory: "/r", command: []string{"ps"}},
		"--run_dir=/r logs --follow name": {runDirectory: "/r", command: []string{"logs", "--follow", "name"}},
		"-v":                              {version: true, command: []string{}},
		"--version=false ps":              {command: []string{"ps"}},
		"-h ps":                           {help: true, command: []string{"ps"}},
		"- ps":                            {command: []string{"-", "ps"}},
	} {
		got, err := parseOptions(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
			t.Errorf("%s:\n%s", line, diff)
		}
	}
}

// TestRefusedOptions: nothing is carried out on this Engine that was meant for another.
func TestRefusedOptions(t *testing.T) {
	for line, want := range map[string]string{
		"-H tcp://other:2375 rm -f x": "option -H is not supported",
		"--host=ssh://other rm -f x":  "option --host is not supported",
		"-H":                          "flag needs an argument: -H",
		"--config /d pull x":          "option --config is not supported by mesos-docker-cli: registry credentials",
		"-c other ps":                 "option -c is not supported",
		"--context=other ps":          "option --context is not supported",
		"--tls ps":                    "option --tls is not supported",
		"--tlsverify=1 ps":            "option --tlsverify is not supported",
		"--tlscacert f ps":            "option --tlscacert is not supported",
		"--frobnicate ps":             "unknown flag: --frobnicate",
		"-Dx ps":                      "unknown shorthand flag: 'x' in -Dx",
		"--debug=maybe ps":            "invalid argument",
	} {
		var stdout, stderr bytes.Buffer
		status := run(strings.Fields(line), &stdout, &stderr)
		if status != statusUsage || stdout.Len() != 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: status %d, stdout %q, stderr %q", line, status, stdout.String(), stderr.String())
		}
	}
}

func FuzzParseOptions(f *testing.F) {
	for _, line := range []string{"", "-H unix:///s ps -a", "-DH=unix:///s --version", "--tls=false x", "--", "-", "-=", "--=", "-H", "-é"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		o, err := parseOptions(args)
		if err != nil {
			return
		}
		// What follows the options is the command, untouched.
		if n := len(args) - len(o.command); n < 0 || !cmp.Equal(args[n:], o.command, cmp.Transformer("nil", func(s []string) string { return strings.Join(s, " ") })) {
			t.Fatalf("%q became the command %q", args, o.command)
		}
	})
}
