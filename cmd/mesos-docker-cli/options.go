package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// options are docker's global ones, which come before the command.
type options struct {
	version, help bool
	runDirectory  string
	command       []string // and its arguments
}

// option is one that docker has.
type option struct {
	long, short string
	value       bool // it takes one
	set         func(o *options, value string) error
}

// globals are the options of docker and one of our own. An option that has no effect here but would have one elsewhere is refused, so
// that no command for another Engine is carried out on this one.
var globals = []option{
	{long: "host", short: "H", value: true, set: func(_ *options, value string) error {
		if !strings.HasPrefix(value, "unix://") {
			return errors.New("the daemon knows its Engine, so that only unix:// and a path is accepted, and has no effect")
		}
		return nil
	}},
	{long: "debug", short: "D", set: nothing},
	{long: "log-level", short: "l", value: true, set: nothing},
	{long: "version", short: "v", set: func(o *options, _ string) error { o.version = true; return nil }},
	{long: "help", short: "h", set: func(o *options, _ string) error { o.help = true; return nil }},
	{long: "run_dir", value: true, set: func(o *options, value string) error { o.runDirectory = value; return nil }},
	{long: "config", value: true, set: refused("registry credentials are looked for below HOME")},
	{long: "context", short: "c", value: true, set: refused("the daemon knows its Engine")},
	{long: "tls", set: refused("the daemon knows its Engine")},
	{long: "tlsverify", set: refused("the daemon knows its Engine")},
	{long: "tlscacert", value: true, set: refused("the daemon knows its Engine")},
	{long: "tlscert", value: true, set: refused("the daemon knows its Engine")},
	{long: "tlskey", value: true, set: refused("the daemon knows its Engine")},
}

func nothing(*options, string) error { return nil }

func refused(because string) func(*options, string) error {
	return func(*options, string) error { return errors.New(because) }
}

// parseOptions reads the options before the command, in all the forms that docker accepts.
func parseOptions(args []string) (options, error) {
	var o options
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		var err error
		switch {
		case arg == "--":
			o.command = args
			return o, nil
		case strings.HasPrefix(arg, "--"):
			args, err = o.long(arg[2:], args)
		default:
			args, err = o.shorts(arg[1:], args)
		}
		if err != nil {
			return options{}, err
		}
	}
	o.command = args
	return o, nil
}

// long takes name or name=value, with the arguments that follow, and returns what is left of them.
func (o *options) long(text string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(text, "=")
	i := slices.IndexFunc(globals, func(g option) bool { return g.long == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown flag: --%s", name)
	}
	return o.take(globals[i], "--"+name, value, given, rest)
}

// shorts takes letters. The last of them may have a value, which follows at once or in the next argument.
func (o *options) shorts(letters string, rest []string) (_ []string, err error) {
	for i := range len(letters) {
		at := slices.IndexFunc(globals, func(g option) bool { return g.short == letters[i:i+1] })
		if at < 0 {
			return nil, fmt.Errorf("unknown shorthand flag: %q in -%s", letters[i], letters)
		}
		g := globals[at]
		value := letters[i+1:]
		if g.value || strings.HasPrefix(value, "=") {
			return o.take(g, "-"+g.short, strings.TrimPrefix(value, "="), value != "", rest)
		}
		if rest, err = o.take(g, "-"+g.short, "", false, rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (o *options) take(g option, name, value string, given bool, rest []string) ([]string, error) {
	switch {
	case g.value && !given && len(rest) == 0:
		return nil, fmt.Errorf("flag needs an argument: %s", name)
	case g.value && !given:
		value, rest = rest[0], rest[1:]
	case !g.value && given:
		if on, err := strconv.ParseBool(value); err != nil {
			return nil, fmt.Errorf("invalid argument %q for %q flag: want true or false", value, name)
		} else if !on {
			return rest, nil
		}
	}
	if err := g.set(o, value); err != nil {
		return nil, fmt.Errorf("option %s is not supported by mesos-docker-cli: %w", name, err)
	}
	return rest, nil
}
