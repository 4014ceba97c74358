package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"mesos-docker-containerizer/config"
)

// arguments is a subcommand's command line: its own flags, the configuration's, and what remains, in any order.
type arguments struct {
	own   *flag.FlagSet
	usage string
}

// newArguments begins with the text that --help shows above the subcommand's own flags.
func newArguments(name, usage string) *arguments {
	own := flag.NewFlagSet(name, flag.ContinueOnError)
	own.SetOutput(io.Discard) // errors are the caller's to show
	return &arguments{own: own, usage: usage}
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// wantsHelp shows the help and says true if it was asked for.
func (a *arguments) wantsHelp(w io.Writer, args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	if !slices.ContainsFunc(args, isHelp) {
		return false
	}
	fmt.Fprint(w, strings.TrimPrefix(a.usage, "\n"))
	first := true
	a.own.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n")
			first = false
		}
		value, text := flag.UnquoteUsage(f)
		if value != "" {
			value = "=" + value
		}
		fmt.Fprintf(w, "  --%s%s\n      %s\n", f.Name, value, strings.ReplaceAll(text, "\n", "\n      "))
	})
	fmt.Fprint(w, "\nEvery setting is a flag too, as in --docker_socket=/run/docker.sock; `mesos-docker-containerizer config` lists them.\n")
	return true
}

// parse reads the whole command line. All mistakes in settings come together; positional is what is no flag.
func (a *arguments) parse(environ, args []string) (c *config.Config, positional []string, err error) {
	var foreign []string
	a.own.VisitAll(func(f *flag.Flag) { foreign = append(foreign, f.Name) })
	c, rest, err := config.Load(config.Options{Environ: environ, Args: args, Foreign: foreign})
	if err != nil {
		return nil, nil, err
	}
	if _, err := newPolicy(c); err != nil {
		return nil, nil, err
	}
	var tail []string
	if end := slices.Index(rest, "--"); end >= 0 {
		rest, tail = rest[:end], rest[end+1:]
	}
	for len(rest) > 0 {
		if err := a.own.Parse(rest); err != nil {
			return nil, nil, fmt.Errorf("%w; `mesos-docker-containerizer help %s` lists the flags", err, a.own.Name())
		}
		if rest = a.own.Args(); len(rest) > 0 {
			positional, rest = append(positional, rest[0]), rest[1:]
		}
	}
	return c, append(positional, tail...), nil
}

// nothingElse is the error of a subcommand that takes no arguments and was given some.
func nothingElse(positional []string) error {
	if len(positional) == 0 {
		return nil
	}
	return fmt.Errorf("unexpected argument %q", positional[0])
}
