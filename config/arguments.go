package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"
)

// commandLinePlace begins the places of flags.
const commandLinePlace = "command line, "

// ownPrefix begins the names of our variables.
const ownPrefix = "MESOS_DOCKER_CONTAINERIZER_"

// environment reads our variables. As for any process, the last of several
// with one name counts.
func (s *scan) environment(environ []string) {
	last := map[string]string{}
	for _, v := range environ {
		if name, text, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, ownPrefix) {
			last[name] = text
		}
	}
	variable := func(f *flag) string { return ownPrefix + strings.ToUpper(f.name) }
	for _, name := range slices.Sorted(maps.Keys(last)) {
		place := "environment variable " + strictjson.Shorten(name)
		short := strings.TrimPrefix(name, ownPrefix)
		f := byName(strings.ToLower(short))
		if f == nil || variable(f) != name {
			s.mistake(Environment, place, unknown("variable", short, variable))
			continue
		}
		s.add(candidate{flag: f, text: last[name], origin: Origin{Layer: Environment, Place: place}})
	}
}

// arguments reads the command line and returns what is not ours.
func (s *scan) arguments(args, foreign []string) (rest []string) {
	for i, arg := range args {
		if arg == "--" {
			return append(rest, args[i:]...)
		}
		bare, dash := strings.CutPrefix(arg, "-")
		bare, doubleDash := strings.CutPrefix(bare, "-")
		name, text, given := strings.Cut(bare, "=")
		if !dash || bare == "" || slices.Contains(foreign, name) {
			rest = append(rest, arg)
			continue
		}
		s.argument(name, text, given, doubleDash, foreign)
	}
	return rest
}

// argument reads one flag: --name=value, or --name and --no-name of a boolean.
func (s *scan) argument(name, text string, given, doubleDash bool, foreign []string) {
	place := commandLinePlace + "--" + strictjson.Shorten(name)
	short, negated := strings.CutPrefix(name, "no-")
	f := byName(short)
	if f == nil || !doubleDash {
		if !doubleDash {
			place = commandLinePlace + "-" + strictjson.Shorten(name)
		}
		s.mistake(CommandLine, place, unknownFlag(short, foreign))
		return
	}
	c := candidate{flag: f, text: text, origin: Origin{Layer: CommandLine, Place: place}}
	switch isBoolean := f.form() == boolean; {
	case negated && !isBoolean:
		c.fault = errors.New("only a boolean can be negated with no-")
	case negated && text != "":
		c.fault = fmt.Errorf("no- takes no value; write --%s=VALUE", f.name)
	case negated:
		c.text = "false"
	case !given && !isBoolean:
		c.fault = fmt.Errorf("it needs a value: --%s=VALUE", f.name)
	}
	s.add(c)
}
