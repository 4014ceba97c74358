package dockercli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// syntax describes the command line of one command. It parses the line and prints --help; a test compares it with the
// documentation.
type syntax struct {
	name     string
	operands string // as docker writes them: "CONTAINER [CONTAINER...]"; empty for none
	about    string // what the command does, in docker's words

	// options adds the options to a set; nil for none.
	options func(*pflag.FlagSet)
}

// flags returns a new set with the command's options.
func (s syntax) flags() *pflag.FlagSet {
	set := pflag.NewFlagSet(s.name, pflag.ContinueOnError)
	set.SetOutput(io.Discard) // parse returns the error
	set.Usage = func() {}
	if s.options != nil {
		s.options(set)
	}
	return set
}

// parse parses the arguments after the command's name. Its error has docker's text and status for a wrong command line. It
// answers --help itself; its error then has status 0 and no text.
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

// option returns the value of an option that the command's syntax declares: option(set.GetBool("all")).
func option[T any](value T, err error) T {
	if err != nil {
		panic(err) // no such option, or another type
	}
	return value
}

// wrongCount is the error for a wrong number of operands, with docker's status of a failure.
func (s syntax) wrongCount(what string) error {
	return said(fmt.Sprintf("\"docker %s\" %s.\nSee 'docker %s --help'.\n\nUsage:  %s\n\n%s", s.name, what, s.name, s.usage(), s.about))
}

// usage returns the command line in one line.
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
