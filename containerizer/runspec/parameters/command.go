package parameters

import (
	"context"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	dockercommand "github.com/docker/cli/cli/command/container"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/streams"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"mesos-docker-containerizer/containerizer/runspec"
)

// apiVersion is what the command believes the Engine speaks. It only has to be new enough for --platform.
const apiVersion = "1.51"

// parse reads a request and, if docker does not accept it, finds out with which parameter that began: there is one such that
// the list up to it fails and the list before it does not.
func parse(request runspec.ParseRequest) (runspec.ParseResult, error) {
	result, err := create(request)
	var wrong *runspec.OptionError
	if !errors.As(err, &wrong) {
		return result, err
	}
	good := sort.Search(len(request.Parameters), func(n int) bool {
		prefix := request
		prefix.Parameters = request.Parameters[:n]
		_, prefixErr := create(prefix)
		var prefixWrong *runspec.OptionError
		if errors.As(prefixErr, &prefixWrong) {
			wrong = prefixWrong
			return true
		}
		return false
	})
	wrong.Parameter = good - 1
	return runspec.ParseResult{}, wrong
}

// create runs the create command, whose options are those of docker run apart from the ones that only concern the terminal.
func create(request runspec.ParseRequest) (runspec.ParseResult, error) {
	engine := &recorder{}
	// NewCreateCommand is deprecated so that nobody builds on its interface; we want docker's own parser, whatever it looks
	// like, and the version is pinned.
	//lint:ignore SA1019 see above
	cmd := dockercommand.NewCreateCommand(&docker{engine: engine})
	readCreateSource(cmd.Flags())
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(slices.Concat(
		[]string{"--pull=" + dockercommand.PullImageNever, "--disable-content-trust=true"},
		request.Options,
		request.Parameters,
		[]string{"--", request.Image},
		request.Command,
	))
	err := cmd.ExecuteContext(context.Background())
	if err != nil && engine.result.Config == nil {
		return runspec.ParseResult{}, &runspec.OptionError{Parameter: -1, Text: words(err)}
	}
	if engine.result.Config == nil {
		return runspec.ParseResult{}, errors.New("docker's parser ended without a container to create")
	}
	return engine.result, nil
}

// words is docker's complaint without the advice that is for people at a terminal.
func words(err error) string {
	text := err.Error()
	var status cli.StatusError
	if errors.As(err, &status) && status.Status != "" {
		text = status.Status
	}
	text, _, _ = strings.Cut(text, "\n\nRun 'docker ")
	return strings.TrimPrefix(text, "docker: ")
}

// docker is the little that the command uses of the docker command line.
type docker struct {
	command.Cli
	engine *recorder
}

func (d *docker) Client() client.APIClient           { return d.engine }
func (d *docker) ConfigFile() *configfile.ConfigFile { return configfile.New("") }
func (d *docker) ServerInfo() command.ServerInfo     { return command.ServerInfo{OSType: "linux"} }
func (d *docker) Out() *streams.Out                  { return streams.NewOut(io.Discard) }
func (d *docker) Err() *streams.Out                  { return streams.NewOut(io.Discard) }

// In is a terminal, so that nothing depends on whether it is one.
func (d *docker) In() *streams.In {
	in := streams.NewIn(io.NopCloser(strings.NewReader("")))
	in.SetIsTerminal(true)
	return in
}

// recorder stands where the Engine's client would and keeps what it is asked to create.
type recorder struct {
	client.APIClient
	result runspec.ParseResult
	name   string
}

// errRecorded ends a command that would go on with its container.
var errRecorded = errors.New("the container is known")

func (*recorder) DaemonHost() string    { return "" }
func (*recorder) ClientVersion() string { return apiVersion }

func (r *recorder) ContainerCreate(_ context.Context, config *container.Config, host *container.HostConfig,
	networking *network.NetworkingConfig, platform *ocispec.Platform, name string,
) (container.CreateResponse, error) {
	r.result = runspec.ParseResult{Config: config, HostConfig: host, Networking: networking, Platform: platform}
	r.name = name
	return container.CreateResponse{}, errRecorded
}
