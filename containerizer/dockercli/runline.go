package dockercli

import (
	"context"

	"mesos-docker-containerizer/containerizer/runspec"
)

// CommandLineParser reads the command line of docker run. Package parameters has one.
type CommandLineParser interface {
	// ParseRun fails with a *runspec.OptionError where docker would, and with another error when it could not do its work.
	ParseRun(ctx context.Context, arguments []string) (*runspec.RunLine, error)
}
