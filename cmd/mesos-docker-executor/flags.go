package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	mesostime "github.com/mesos/mesos-go/api/v1/lib/time"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"mesos-docker-containerizer/executor/wire"
)

// The daemon's socket is found by file or flag, never by environment, which is the task's to set (docs/architecture.md, "Trust").
const (
	defaultSocket = "/run/mesos-docker-containerizer/executor.sock"
	socketFile    = "/etc/mesos-docker-containerizer/socket"
)

// environmentFlag holds secrets. The process that starts itself again gives its successor environmentFileFlag in its place.
const (
	environmentFlag     = "task_environment"
	environmentFileFlag = "task_environment_fd"
)

type flags struct {
	container       string
	sandbox         string
	mappedDirectory string
	taskEnvironment map[string]string // its values are secrets
	stopTimeout     time.Duration
	level           zapcore.Level
	socket          string
	route           wire.Route
	protocol        string
	version         bool

	agentFlags wire.AgentFlags
}

// The protocols to speak with the agent.
const (
	protocolV0 = "v0" // libprocess
	protocolV1 = "v1" // the executor HTTP API
)

// unusedFlags are those of the stock executors (contract 1.4) that have no meaning here, and why.
var unusedFlags = map[string]string{
	"docker":       "no docker command is started",
	"launcher_dir": "no helper program is started",

	"help":                      "agents always say false",
	"initialize_driver_logging": "there is no glog", "logbufsecs": "there is no glog", "quiet": "there is no glog",
	"log_dir": "there is no glog", "external_log_file": "there is no glog",
}

// parseFlags reads --name=value, --name and --no-name. It returns the flags that nobody knows.
func parseFlags(args []string) (flags, []string, error) {
	f := flags{level: zapcore.WarnLevel}
	var ignored []string
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") {
			ignored = append(ignored, name)
			continue
		}
		known, err := f.set(name, value)
		if err != nil {
			if name == environmentFlag {
				value = "..."
			}
			return flags{}, nil, fmt.Errorf("flag --%s=%s: %w", name, value, err)
		}
		if _, unused := unusedFlags[strings.TrimPrefix(name, "no-")]; !known && !unused {
			ignored = append(ignored, name) // not its value, which may be secret
		}
	}
	if f.route == "" {
		f.route = wire.RouteCustom
		if f.container != "" {
			f.route = wire.RouteDropIn
		}
	}
	if f.protocol == "" {
		f.protocol = protocolV1
		if f.route == wire.RouteDropIn {
			f.protocol = protocolV0
		}
	}
	return f, ignored, nil
}

func (f *flags) set(name, value string) (known bool, err error) {
	switch name {
	case "container":
		if f.container = value; value == "" {
			err = errors.New("want the name that the container is to have")
		}
	case "sandbox_directory":
		f.sandbox, err = value, absolute(value)
	case "mapped_directory":
		f.mappedDirectory, err = value, absolute(value)
	case "protocol":
		if value != protocolV0 && value != protocolV1 {
			err = errors.New("want v0 or v1")
		}
		f.protocol = value
	case environmentFileFlag:
		text, err := readSecret(value)
		if err != nil {
			return true, err
		}
		f.taskEnvironment, err = parseEnvironment(text)
		return true, err
	case environmentFlag:
		f.taskEnvironment, err = parseEnvironment(value)
	case "stop_timeout":
		f.stopTimeout, err = mesostime.ParseDuration(value)
	case "logging_level":
		f.level, err = parseLevel(value)
	case "socket":
		f.socket = value
	case "route":
		if value != string(wire.RouteLocal) {
			err = errors.New("only local may be asked for")
		}
		f.route = wire.RouteLocal
	case "version":
		f.version = true
	default:
		return f.setAgents(name, value)
	}
	return true, err
}

// setAgents takes the agent's own settings, which are for the daemon to heed.
func (f *flags) setAgents(name, value string) (known bool, err error) {
	switch name {
	case "cgroups_enable_cfs", "no-cgroups_enable_cfs":
		f.agentFlags.CgroupsEnableCFS, err = parseBool(value, name)
	case "default_container_dns":
		f.agentFlags.DefaultContainerDNS, err = parseObject(value)
	case "docker_socket":
		f.agentFlags.DockerSocket = value
	case "network_cni_config_dir":
		f.agentFlags.CNIConfigurations = value
	case "network_cni_plugins_dir":
		f.agentFlags.CNIPlugins = value
	default:
		return false, nil
	}
	return true, err
}

// parseBool reads the forms of Mesos: --name, --name=true or 1, --name=false or 0, --no-name.
func parseBool(value, name string) (*bool, error) {
	negated := strings.HasPrefix(name, "no-")
	switch {
	case value == "" || !negated && (value == "true" || value == "1"):
		return new(!negated), nil
	case !negated && (value == "false" || value == "0"):
		return new(false), nil
	}
	return nil, errors.New("want true or false")
}

// parseObject checks the form alone: the daemon knows what must be in it.
func parseObject(value string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(value), &object); err != nil || object == nil {
		return nil, errors.New("want a JSON object")
	}
	return json.RawMessage(value), nil
}

func absolute(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("want an absolute path")
	}
	return nil
}

// parseEnvironment reads a JSON object of texts. The error tells nothing of its content.
func parseEnvironment(value string) (map[string]string, error) {
	var variables map[string]*string
	if err := json.Unmarshal([]byte(value), &variables); err != nil || variables == nil {
		return nil, errors.New("want a JSON object of texts")
	}
	environment := make(map[string]string, len(variables))
	for name, value := range variables {
		if name == "" || value == nil {
			return nil, errors.New("want a JSON object of texts, each with a name")
		}
		environment[name] = *value
	}
	return environment, nil
}

// parseLevel reads the names of the agent's own flag.
func parseLevel(value string) (zapcore.Level, error) {
	switch strings.ToUpper(value) {
	case "INFO":
		return zapcore.InfoLevel, nil
	case "WARNING":
		return zapcore.WarnLevel, nil
	case "ERROR":
		return zapcore.ErrorLevel, nil
	}
	return 0, errors.New("want INFO, WARNING or ERROR")
}

func (f *flags) daemonSocket() (string, error) {
	if f.socket != "" {
		return f.socket, nil
	}
	content, err := os.ReadFile(socketFile)
	if errors.Is(err, os.ErrNotExist) {
		return defaultSocket, nil
	}
	if err != nil {
		return "", fmt.Errorf("the daemon's socket: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// newLogger writes one JSON object a line to stderr, which is the task's stderr file, as stock does with its own lines.
func newLogger(level zapcore.Level) *zap.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(os.Stderr), level))
}
