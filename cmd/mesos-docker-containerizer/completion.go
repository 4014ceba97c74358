package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mesos-docker-containerizer/config"
)

const completionUsage = `
Usage: mesos-docker-containerizer completion bash|zsh|fish

Prints what makes a shell complete subcommands, flags, settings and their values. Packages install it; by hand, for this shell:

  bash   source <(mesos-docker-containerizer completion bash)
  zsh    source <(mesos-docker-containerizer completion zsh)
  fish   mesos-docker-containerizer completion fish | source
`

var shells = []string{"bash", "zsh", "fish"}

// completion prints a shell's script, which is cobra's. It calls the program back for each word (complete).
func completion(*flag.FlagSet) action {
	return func(t terminal, _ *config.Config, arguments []string) error {
		root := &cobra.Command{Use: program}
		scripts := map[string]func(io.Writer) error{
			"bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
			"zsh":  root.GenZshCompletion,
			"fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		}
		if len(arguments) != 1 || scripts[arguments[0]] == nil {
			return withStatus(exitUsage, fmt.Errorf("name one shell: %s", strings.Join(shells, ", ")))
		}
		return scripts[arguments[0]](t.stdout)
	}
}

// isCompletionRequest reports whether a script of cobra's asks how a word can go on.
func isCompletionRequest(name string) bool {
	return name == cobra.ShellCompRequestCmd || name == cobra.ShellCompNoDescRequestCmd
}

// complete answers a script of cobra's, which has passed the command line up to the word that is to be completed.
func complete(t terminal, args []string) error {
	root := &cobra.Command{
		Use: program, DisableFlagParsing: true, SilenceErrors: true, SilenceUsage: true,
		Run: func(*cobra.Command, []string) {},
		ValidArgsFunction: func(_ *cobra.Command, before []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completions(t, before, word)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	root.SetOut(t.stdout)
	root.SetErr(io.Discard) // a trace for those who work on the scripts
	return root.Execute()
}

// completions returns how a word can go on that follows others, each with what it means behind a tab.
func completions(t terminal, before []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	add := func(text, meaning string) {
		if strings.HasPrefix(text, word) {
			all = append(all, cobra.CompletionWithDesc(text, meaning))
		}
	}
	if len(before) == 0 || len(before) == 1 && before[0] == "help" {
		for _, c := range commands() {
			add(c.name, c.summary)
		}
		if len(before) == 0 {
			add("help", "say more about a subcommand")
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	c := commandByName(before[0])
	switch {
	case c == nil:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case slices.Contains(before, "--") || !strings.HasPrefix(word, "-"):
		for _, w := range c.words {
			add(w, "")
		}
		if c.tasks {
			for _, name := range taskNames(t, c, before[1:], word) {
				add(name, "")
			}
		}
		if c.arguments && c.words == nil {
			return all, cobra.ShellCompDirectiveDefault
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	return c.flagCompletions(word)
}

// completionTimeout is how long a person waits for a shell.
const completionTimeout = time.Second

// taskNames are the names of tasks with which a word can go on, of the daemon that the words before it are for; none if it is away. Names
// that a shell or a terminal would not take as they are, are left out.
func taskNames(t terminal, c *command, before []string, word string) (names []string) {
	own, _ := c.flags()
	t.stderr = io.Discard
	settings, arguments, err := c.parse(t, before, own)
	if err != nil || c.operands > 0 && len(arguments) >= c.operands {
		return nil
	}
	reports, err := askTasks(settings, completionTimeout)
	if err != nil {
		return nil
	}
	for _, r := range reports {
		all := r.Names()
		for _, name := range []string{all.Task, all.App, all.Container, all.ContainerID} {
			if word == "" && name != all.Task || !plainName.MatchString(name) {
				continue
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// plainName matches names without anything that means something to shells.
var plainName = regexp.MustCompile(`^[A-Za-z0-9/_.-]+$`)

// flagCompletions completes the name of a flag or, behind its =, the value.
func (c *command) flagCompletions(word string) (all []cobra.Completion, directive cobra.ShellCompDirective) {
	name, value, hasValue := strings.Cut(word, "=")
	own, _ := c.flags()
	directive = cobra.ShellCompDirectiveNoFileComp
	add := func(spelling, meaning string) {
		if strings.HasPrefix(spelling, word) {
			all = append(all, cobra.CompletionWithDesc(spelling, meaning))
			if strings.HasSuffix(spelling, "=") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
	}
	own.VisitAll(func(f *flag.Flag) {
		spelling, text := flagText(f)
		if name, _, takesValue := strings.Cut(spelling, "="); takesValue {
			spelling = name + "="
		}
		add(spelling, firstSentence(text))
	})
	if c.noSettings {
		return all, directive
	}
	for _, s := range config.Describe() {
		switch {
		case hasValue && name == "--"+s.Name:
			for _, choice := range s.Choices {
				if strings.HasPrefix(choice, value) {
					all = append(all, choice)
				}
			}
			if s.Choices == nil {
				return nil, cobra.ShellCompDirectiveDefault // most values that can be completed are paths
			}
		case s.Boolean:
			add("--"+s.Name, firstSentence(s.Doc))
			add("--no-"+s.Name, firstSentence(s.Doc))
		default:
			add("--"+s.Name+"=", firstSentence(s.Doc))
		}
	}
	return all, directive
}

// firstSentence is as much of a text as fits beside a completion.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, ". ")
	return text
}
