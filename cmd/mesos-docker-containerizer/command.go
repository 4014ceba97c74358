package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"mesos-docker-containerizer/config"
)

// command is one thing the program can do. Parsing, --help, completion and the manual page follow from the table of these.
type command struct {
	name    string
	summary string
	usage   string // what --help shows above the command's own flags

	// define adds the command's own flags and returns what does the work.
	define func(own *flag.FlagSet) action

	noSettings bool     // the command takes no setting as a flag
	arguments  bool     // the action checks the arguments; without it there must be none
	words      []string // the arguments that completion offers, in place of files
	tasks      bool     // the arguments begin with names of tasks, or their beginnings
	operands   int      // behind so many arguments no flags are looked for; 0 for everywhere
	asks       bool     // the command only asks the daemon: mistakes in files do not keep it from that
	warns      bool     // the action itself warns of mistakes in files, or the daemon does
}

// action does the work of a command. The Config is nil where the command takes no settings. An error is shown to the person, and
// makes the status exitFailed unless it is an exitError.
type action func(t terminal, c *config.Config, arguments []string) error

// exitError is an error with the exit status it makes. Where err is nil, the person has been told already.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// withStatus gives an error a status of its own; nil stays nil.
func withStatus(status int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{status, err}
}

// run parses the command line, does the work and returns the exit status.
func (c *command) run(t terminal, args []string) int {
	own, act := c.flags()
	if asksForHelp(c.guard(args, own)) {
		c.help(t.stdout, own)
		return exitOK
	}
	settings, arguments, err := c.parse(t, args, own)
	if err == nil && !c.arguments && !c.tasks && len(arguments) > 0 {
		err = fmt.Errorf("unexpected argument %q", arguments[0])
	}
	err = withStatus(exitUsage, err)
	t.reread = func() (*config.Config, error) {
		again, _ := c.flags()
		settings, _, err := c.parse(t, args, again)
		return settings, err
	}
	if err == nil {
		err = act(t, settings, arguments)
	}
	return t.status(err)
}

// status shows an error and returns the exit status it makes.
func (t terminal) status(err error) int {
	if err == nil {
		return exitOK
	}
	status := exitFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		if status = e.status; e.err == nil {
			return status
		}
	}
	fmt.Fprintln(t.stderr, program+":", err)
	return status
}

// flags returns the command's own flags, and what does the work with them.
func (c *command) flags() (*flag.FlagSet, action) {
	own := flag.NewFlagSet(c.name, flag.ContinueOnError)
	own.SetOutput(io.Discard) // errors are the caller's to show
	return own, c.define(own)
}

// flagText returns how a flag is written, and what it does.
func flagText(f *flag.Flag) (spelling, text string) {
	value, text := flag.UnquoteUsage(f)
	if value != "" {
		value = "=" + value
	}
	dashes := "--"
	if len(f.Name) == 1 || f.Name == "it" { // as docker has them
		dashes = "-"
	}
	return dashes + f.Name + value, text
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func asksForHelp(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, isHelp)
}

func (c *command) help(w io.Writer, own *flag.FlagSet) {
	fmt.Fprint(w, strings.TrimPrefix(c.usage, "\n"))
	title := "\nFlags:\n"
	own.VisitAll(func(f *flag.Flag) {
		spelling, text := flagText(f)
		fmt.Fprintf(w, "%s  %s\n      %s\n", title, spelling, strings.ReplaceAll(text, "\n", "\n      "))
		title = ""
	})
	if !c.noSettings {
		fmt.Fprint(w, "\nEvery setting is a flag too, as in --docker_socket=/run/docker.sock; `mesos-docker-containerizer config` lists them.\n")
	}
}

// parse reads the whole command line: the command's own flags, the settings, and what remains, in any order. It reports all
// mistakes in settings at once, to the person alone if the command can do without what files say.
func (c *command) parse(t terminal, args []string, own *flag.FlagSet) (settings *config.Config, arguments []string, err error) {
	args = c.guard(args, own)
	rest := args
	if !c.noSettings {
		var foreign []string
		own.VisitAll(func(f *flag.Flag) { foreign = append(foreign, f.Name) })
		if settings, rest, err = config.Load(config.Options{Environ: t.environ, Args: args, Foreign: foreign, Tolerant: c.asks}); err != nil {
			return nil, nil, err
		}
		if !c.warns {
			t.warnMistakes(settings)
		}
		if _, err := newPolicy(settings); err != nil && !c.asks {
			return nil, nil, err
		}
	}
	var tail []string
	if end := slices.Index(rest, "--"); end >= 0 {
		rest, tail = rest[:end], rest[end+1:]
	}
	for len(rest) > 0 {
		if err := own.Parse(rest); err != nil {
			return nil, nil, fmt.Errorf("%w; `mesos-docker-containerizer help %s` lists the flags", err, c.name)
		}
		if rest = own.Args(); len(rest) > 0 {
			arguments, rest = append(arguments, rest[0]), rest[1:]
		}
	}
	return settings, append(arguments, tail...), nil
}

// guard puts "--" behind the operands of a command that takes the rest of the line unchanged. The value of one of the command's own flags
// may be an argument of its own.
func (c *command) guard(args []string, own *flag.FlagSet) []string {
	if c.operands == 0 {
		return args
	}
	seen, value := 0, false
	for i, arg := range args {
		switch name, _, given := strings.Cut(strings.TrimLeft(arg, "-"), "="); {
		case arg == "--":
			return args
		case value:
			value = false
		case len(arg) > 1 && arg[0] == '-':
			f := own.Lookup(name)
			value = f != nil && !given && !isBoolean(f)
		default:
			if seen++; seen == c.operands {
				return slices.Insert(slices.Clone(args), i+1, "--")
			}
		}
	}
	return args
}

func isBoolean(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// warnUnusable warns of values of the agent for these flags, or for all flags if none is named, that are not understood and are ignored.
func (t terminal) warnUnusable(c *config.Config, flags ...string) {
	for _, m := range c.Unusable(flags...) {
		fmt.Fprintln(t.stderr, "warning: passed over:", m)
	}
}

// warnMistakes warns of mistakes in files, for a command that works without these settings. The daemon does not start with them.
func (t terminal) warnMistakes(c *config.Config) {
	for _, m := range c.Mistakes() {
		fmt.Fprintf(t.stderr, "warning: passed over for now, and the daemon will not start with it: %v\n", m)
	}
}
