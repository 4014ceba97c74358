package parameters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	dockercommand "github.com/docker/cli/cli/command/container"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mesos-docker-containerizer/containerizer/runspec"
)

// pullPolicies are the values of the option pull.
var pullPolicies = []string{dockercommand.PullImageAlways, dockercommand.PullImageMissing, dockercommand.PullImageNever}

// readLine reads what follows the words "docker run". Options that the rules refuse end it before docker's command looks at their
// values.
func readLine(arguments []string) (*runspec.RunLine, error) {
	//lint:ignore SA1019 see create
	known := dockercommand.NewRunCommand(&docker{}).Flags()
	readCreateSource(known)
	line, err := readOptions(known, arguments)
	if err != nil {
		return nil, err
	}
	if err := line.Check(""); err != nil {
		return nil, &runspec.OptionError{Parameter: -1, Text: err.Error()}
	}
	engine := &recorder{}
	//lint:ignore SA1019 see create
	run := dockercommand.NewRunCommand(&docker{engine: engine})
	readCreateSource(run.Flags())
	// This command must neither pull an image nor ask a notary, even if the options say so.
	run.PreRunE = func(run *cobra.Command, _ []string) error {
		return errors.Join(run.Flags().Set("pull", dockercommand.PullImageNever), run.Flags().Set("disable-content-trust", "true"))
	}
	root := &cobra.Command{Use: "docker", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(run)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetArgs(append([]string{run.Name()}, arguments...))
	err = root.ExecuteContext(context.Background())
	if engine.result.Config == nil {
		if err == nil {
			return nil, errors.New("docker's parser ended without a container to create")
		}
		return nil, &runspec.OptionError{Parameter: -1, Text: words(err)}
	}
	line.ParseResult, line.Name = engine.result, engine.name
	return line, nil
}

// readOptions notes the options in their order, and those that docker's command keeps to itself.
func readOptions(known *pflag.FlagSet, arguments []string) (*runspec.RunLine, error) {
	line := &runspec.RunLine{}
	err := known.ParseAll(arguments, func(option *pflag.Flag, value string) error {
		line.Given = append(line.Given, runspec.GivenOption{Name: option.Name, Value: value})
		return known.Set(option.Name, value)
	})
	if err != nil {
		return nil, &runspec.OptionError{Parameter: -1, Text: words(err)}
	}
	for name, into := range map[string]*bool{"detach": &line.Detach, "sig-proxy": &line.SigProxy, "quiet": &line.Quiet} {
		if *into, err = known.GetBool(name); err != nil {
			return nil, err
		}
	}
	if line.Pull, err = known.GetString("pull"); err != nil {
		return nil, err
	}
	if line.Pull == "" {
		line.Pull = dockercommand.PullImageMissing
	}
	if !slices.Contains(pullPolicies, line.Pull) {
		return nil, &runspec.OptionError{Parameter: -1, Text: fmt.Sprintf("invalid pull option: '%s': must be one of %q, %q or %q",
			line.Pull, pullPolicies[0], pullPolicies[1], pullPolicies[2])}
	}
	return line, nil
}

// ParseRun reads a command line of docker run, without these two words, as Parse reads options. It is refused where a rule of
// runspec refuses an option, save those that make sense without a session.
func (s *Subprocess) ParseRun(ctx context.Context, arguments []string) (*runspec.RunLine, error) {
	for _, a := range arguments {
		if !utf8.ValidString(a) {
			return nil, &runspec.OptionError{Parameter: -1, Text: "an argument is not UTF-8, which the Docker Engine's API does not know how to carry"}
		}
	}
	answer, err := s.ask(ctx, request{IsLine: true, Line: arguments})
	switch {
	case err != nil:
		return nil, err
	case answer.Line == nil || answer.Line.Config == nil || answer.Line.HostConfig == nil:
		return nil, errors.New("the parser process answered without a result")
	}
	return answer.Line, nil
}
