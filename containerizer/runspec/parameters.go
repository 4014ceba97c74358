package runspec

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ParameterParser reads docker run options the way the docker command does. Package parameters has one.
type ParameterParser interface {
	// Parse returns what the docker command would create for the arguments. It fails with an *OptionError when the arguments
	// are wrong, with any other error when it could not do its work.
	Parse(ctx context.Context, request ParseRequest) (ParseResult, error)
}

// ParseRequest is an argument list of docker run in its parts.
type ParseRequest struct {
	Options    []string // generated, each of the form --name=value
	Parameters []string // the task's, each of the form --name=value; they come after Options
	Image      string
	Command    []string
}

// ParseResult is what the docker command would send to the Engine. The caller owns it.
type ParseResult struct {
	Config     *container.Config
	HostConfig *container.HostConfig
	Networking *network.NetworkingConfig
	Platform   *ocispec.Platform
}

// OptionError says that docker does not accept the arguments.
type OptionError struct {
	// Parameter is the index in ParseRequest.Parameters of the one with which the list stopped being acceptable, or -1 when
	// it is wrong without any.
	Parameter int

	// Text is docker's own.
	Text string
}

// Error returns docker's text.
func (e *OptionError) Error() string { return e.Text }

// parameter is one docker parameter, split as docker splits its argument: a key may hold an "=" too.
type parameter struct {
	field string
	name  string // of the option
	value string
}

// argument is the parameter as an argument of docker run.
func (p parameter) argument() string { return "--" + p.name + "=" + p.value }

// takeParameters splits the docker parameters and takes the first net or network out of the list: it replaces the network
// (contract 2.5, HEAD).
func (r *runOptions) takeParameters(declared []mesos.Parameter) {
	for i, d := range declared {
		field := fmt.Sprintf("container.docker.parameters[%d], key %s", i, Quote(d.Key))
		r.remember(field, d.Key)
		r.remember(field, d.Value)
		name, value, _ := strings.Cut(d.Key+"="+d.Value, "=")
		p := parameter{field: field, name: name, value: value}
		if r.replacedNetwork == nil && (name == "net" || name == "network") {
			r.replacedNetwork = &p
			continue
		}
		r.parameters = append(r.parameters, p)
	}
}

// checkParameters checks the parameters by the rules. The stock executor leaves this to docker, so its own checks come first.
func (r *runOptions) checkParameters(sandbox string) error {
	for i := range r.parameters {
		if err := r.parameters[i].check(); err != nil {
			return err
		}
		if err := r.parameters[i].resolveRelative(sandbox); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a parameter that docker does not know, in docker's words with the key that would do behind them, and one that
// rules.go refuses.
func (p parameter) check() error {
	rule, known := ruleFor(p.name)
	if !known {
		would := ""
		if key := suggest(p.name); key != "" {
			would = "; the key would be " + Quote(key)
		}
		if p.name == "umask" {
			would = "; docker 29 has it, for Engines from API 1.56 on, and this release speaks up to " + api.DefaultVersion
		}
		if p.name == "" || p.name[0] == '-' {
			return fault(p.field, "bad flag syntax: %s%s", Quote("--"+p.name), would)
		}
		return fault(p.field, "unknown flag: --%s%s", p.name, would)
	}
	if rule.Decision == Refused {
		return fault(p.field, "docker parameter %s is refused: %s", p.name, rule.Reason)
	}
	if rule.check != nil {
		if reason := rule.check(p.value); reason != "" {
			return fault(p.field, "docker parameter %s is refused: %s", p.name, reason)
		}
	}
	return nil
}

// parse hands the whole list to docker's parser.
func (r *runOptions) parse(ctx context.Context, parser ParameterParser) (ParseResult, error) {
	if parser == nil {
		return ParseResult{}, errors.New("read docker parameters: no parser is configured")
	}
	request := ParseRequest{Options: r.generated(), Image: r.image, Command: r.arguments}
	for _, p := range r.parameters {
		request.Parameters = append(request.Parameters, p.argument())
	}
	result, err := parser.Parse(ctx, request)
	var wrong *OptionError
	if errors.As(err, &wrong) {
		return ParseResult{}, r.blame(wrong)
	}
	if err != nil {
		return ParseResult{}, fmt.Errorf("read docker parameters: %w", err)
	}
	return result, nil
}

// blame adds the field to docker's error. Generated options were checked before, so an error in them is about the network that a
// parameter has set.
func (r *runOptions) blame(wrong *OptionError) *Error {
	e := &Error{Field: "container.docker", Text: wrong.Text, cause: wrong}
	switch {
	case wrong.Parameter >= 0 && wrong.Parameter < len(r.parameters):
		e.Field = r.parameters[wrong.Parameter].field
	case r.replacedNetwork != nil:
		e.Field = r.replacedNetwork.field
	}
	return e
}

// plainLabels returns the labels if all parameters are labels that docker accepts. Marathon adds a label to every task, so this is the
// common case; it needs no parser.
func plainLabels(parameters []parameter) (map[string]string, bool) {
	labels := make(map[string]string, len(parameters))
	for _, p := range parameters {
		key, value, _ := strings.Cut(p.value, "=")
		if p.name != "label" || key == "" || strings.ContainsAny(key, " \t") {
			return nil, false
		}
		labels[key] = value
	}
	return labels, true
}

// resolveRelative makes a host path that begins with a dot absolute. For the docker command it is relative to the working directory,
// which under the stock executor is the sandbox; our parser has none. A path that leaves the sandbox is refused.
func (p *parameter) resolveRelative(sandbox string) error {
	switch p.name {
	case "volume":
		host, rest, found := strings.Cut(p.value, ":")
		if !found || !strings.HasPrefix(host, ".") {
			return nil
		}
		absolute, err := p.inSandbox(sandbox, host)
		if err != nil {
			return err
		}
		if strings.Contains(absolute, ":") {
			return fault(p.field, "%s lies in a sandbox whose path holds a colon, which a volume parameter cannot name; use a mount parameter",
				Quote(host))
		}
		p.value = absolute + ":" + rest
	case "mount":
		fields, err := csv.NewReader(strings.NewReader(p.value)).Read()
		if err != nil {
			return nil // docker's parser will say so in its own words.
		}
		changed := false
		for i, field := range fields {
			key, source, _ := strings.Cut(field, "=")
			if k := strings.ToLower(key); k != "source" && k != "src" || !strings.HasPrefix(source, ".") {
				continue
			}
			absolute, err := p.inSandbox(sandbox, source)
			if err != nil {
				return err
			}
			fields[i], changed = key+"="+absolute, true
		}
		if !changed {
			return nil
		}
		var line strings.Builder
		writer := csv.NewWriter(&line)
		if err := writer.Write(fields); err != nil {
			return fault(p.field, "%v", err)
		}
		writer.Flush()
		p.value = strings.TrimSuffix(line.String(), "\n")
	}
	return nil
}

// inSandbox joins a relative path to the sandbox.
func (p *parameter) inSandbox(sandbox, relative string) (string, error) {
	if !filepath.IsLocal(relative) {
		return "", fault(p.field, "%s leaves the sandbox", Quote(relative))
	}
	return filepath.Join(sandbox, relative), nil
}
