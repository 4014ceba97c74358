package dockercli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// syntax is what one command takes. A command line is read from it, its --help is printed from it, and the documentation is held
// against it.
type syntax struct {
	name     string
	operands string // as docker writes them: "CONTAINER [CONTAINER...]"; empty for none
	about    string // what the command does, in docker's words

	// options defines the options in a set; nil for none.
	options func(*pflag.FlagSet)
}

// flags returns an empty set of the command's options.
func (s syntax) flags() *pflag.FlagSet {
	set := pflag.NewFlagSet(s.name, pflag.ContinueOnError)
	set.SetOutput(io.Discard) // whoever parses says what is wrong
	set.Usage = func() {}
	if s.options != nil {
		s.options(set)
	}
	return set
}

// parse reads what follows the command's name. Its error is docker's text and status for a wrong command line; after --help, which
// it answers, it is that of a command that has said everything.
func (s syntax) parse(call Call) (options *pflag.FlagSet, operands []string, err error) {
	set := s.flags()
	switch err := set.Parse(call.Arguments[1:]); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(call.Stdout, s.help())
		return nil, nil, &statusError{status: statusOK}
	case err != nil:
		return nil, nil, &statusError{status: statusUsage, err: said(fmt.Sprintf("%v\nSee 'docker %s --help'.", err, s.name))}
	case s.operands == "" && set.NArg() > 0:
		return nil, nil, s.wrongCount("accepts no arguments")
	case s.operands != "" && set.NArg() == 0:
		return nil, nil, s.wrongCount("requires at least 1 argument")
	}
	return set, set.Args(), nil
}

// wrongCount says that there are too many or too few operands, for which docker has the status of a failure.
func (s syntax) wrongCount(what string) error {
	return said(fmt.Sprintf("\"docker %s\" %s.\nSee 'docker %s --help'.\n\nUsage:  %s\n\n%s", s.name, what, s.name, s.usage(), s.about))
}

// usage is the command in one line.
func (s syntax) usage() string {
	words := []string{"docker", s.name}
	if s.options != nil {
		words = append(words, "[OPTIONS]")
	}
	if s.operands != "" {
		words = append(words, s.operands)
	}
	return strings.Join(words, " ")
}

func (s syntax) help() string {
	text := fmt.Sprintf("\nUsage:  %s\n\n%s\n", s.usage(), s.about)
	if s.options != nil {
		text += "\nOptions:\n" + s.flags().FlagUsages()
	}
	return text
}
