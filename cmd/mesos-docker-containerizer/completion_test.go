package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"mesos-docker-containerizer/config"
	executor "mesos-docker-containerizer/executor/manual"
)

func TestCompletions(t *testing.T) {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	for _, test := range []struct {
		before    string
		word      string
		want      string // without what they mean
		directive cobra.ShellCompDirective
	}{
		{"", "", "serve run ps why logs stats inspect exec stop events drain reload images setup doctor config completion manual version help", noFiles},
		{"", "co", "config completion", noFiles},
		{"help", "s", "serve stats stop setup", noFiles},
		{"nosuch", "", "", noFiles},
		{"nosuch", "--", "", noFiles},
		{"images", "", "gc", noFiles},
		{"completion", "", "bash zsh fish", noFiles},
		{"completion", "--", "", noFiles},
		{"run", "/etc/", "", cobra.ShellCompDirectiveDefault},
		{"run --", "--f", "", cobra.ShellCompDirectiveDefault},
		{"run", "--f", "--for=", noFiles | cobra.ShellCompDirectiveNoSpace},
		{"config", "--js", "--json", noFiles},
		{"config", "--no-docker", "--no-docker_kill_orphans", noFiles},
		{"config", "--docker_s", "--docker_socket= --docker_stop_timeout=", noFiles | cobra.ShellCompDirectiveNoSpace},
		{"config", "--docker_socket=/run/", "", cobra.ShellCompDirectiveDefault},
		{"ps", "--log_level=", "debug info warn error", noFiles},
		{"ps", "--pull_policy=a", "always", noFiles},
	} {
		got, directive := completions(terminal{}, strings.Fields(test.before), test.word)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		if strings.Join(got, " ") != test.want || directive != test.directive {
			t.Errorf("%s %s: %q, directive %d, want %q, %d", test.before, test.word, got, directive, test.want, test.directive)
		}
	}
}

// TestBash sources the script that packages install, with what bash-completion gives it.
func TestBash(t *testing.T) {
	const script = `
		_init_completion() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
		__ltrim_colon_completions() { :; }
		compopt() { :; }
		source /dev/stdin <<< "$("$PROGRAM" completion bash)"
		COMP_WORDS=("$PROGRAM" "$@"); COMP_CWORD=$#; COMP_TYPE=9; COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
		__start_mesos-docker-containerizer
		printf '%s\n' "${COMPREPLY[@]}"`
	for args, want := range map[string]string{
		"doc":                 "doctor",
		"images g":            "gc",
		"images --dry":        "--dry-run",
		"config --log_level=": "debug info warn error",
	} {
		c := exec.Command("bash", append([]string{"-c", script, "bash"}, strings.Fields(args)...)...)
		c.Env = append(os.Environ(), asProgram+"=1", "PROGRAM="+filepath.Join(installed, program))
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.Output()
		got := strings.Fields(string(out))
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "--log_level=")
		}
		if err != nil || stderr.Len() > 0 || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %q; %v %s", args, got, want, err, stderr.String())
		}
	}
}

// TestManuals holds the pages against the tables and the rules of roff.
func TestManuals(t *testing.T) {
	requests := []string{".TH ", ".SH ", ".PP", ".TP", ".B ", ".nf", ".fi"}
	for name, flags := range map[string][]string{program: ownFlags(), executor.Program: executorFlags()} {
		p := start(t, "manual", name)
		p.wantStatus(exitOK)
		page := p.out()
		for _, f := range flags {
			if !strings.Contains(page, "\n.B "+roff("--"+f)) && !strings.Contains(page, "\n.B "+roff("-"+f)) {
				t.Errorf("%s(1) has no flag %s", name, f)
			}
		}
		for line := range strings.Lines(page) {
			known := func(request string) bool { return strings.HasPrefix(line, request) }
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !slices.ContainsFunc(requests, known) {
				t.Errorf("%s(1): %q would be a request of roff", name, line)
			}
		}
	}
}

func ownFlags() (names []string) {
	for _, c := range commands() {
		own, _ := c.flags()
		own.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	}
	for _, s := range config.Describe() {
		names = append(names, s.Name)
	}
	return names
}

func executorFlags() (names []string) {
	for _, f := range executor.Flags {
		names = append(names, f.Name)
	}
	return names
}
