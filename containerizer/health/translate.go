package health

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

// FromHealthCheck translates a task's health check (contract 4.1). A type that is not set, as with masters before 1.1, is
// derived from the other fields. An error names the invalid field, and never the value of a variable; the task must then run without
// health checks, as under the stock executor.
func FromHealthCheck(check *mesos.HealthCheck) (Spec, error) {
	if check == nil {
		return Spec{}, errors.New("health_check: it is not set")
	}
	spec, err := timing("health_check", check)
	if err != nil {
		return Spec{}, err
	}
	switch kind := healthCheckKind(check); kind {
	case Command:
		err = spec.command("health_check.command", check.Command)
	case HTTP:
		if check.HTTP == nil {
			return Spec{}, missing("health_check.http", kind)
		}
		spec.Kind = HTTP
		spec.HTTP = HTTPSpec{
			Scheme: schemeOf(check.HTTP),
			Port:   check.HTTP.Port,
			Path:   check.HTTP.GetPath(),
		}
		spec.HTTP.IPv6, err = isIPv6("health_check.http", check.HTTP.GetProtocol())
		if err == nil {
			err = spec.HTTP.validate("health_check.http")
		}
	case TCP:
		if check.TCP == nil {
			return Spec{}, missing("health_check.tcp", kind)
		}
		spec.Kind, spec.TCP.Port = TCP, check.TCP.Port
		spec.TCP.IPv6, err = isIPv6("health_check.tcp", check.TCP.GetProtocol())
	default:
		err = fmt.Errorf("health_check.type: %d is none of COMMAND, HTTP and TCP, and it does not follow from the other fields", check.Type)
	}
	if err != nil {
		return Spec{}, err
	}
	return spec, nil
}

// FromCheck translates a task's general check. Its type must be set; it has neither HTTPS nor IPv6. Errors are as in FromHealthCheck.
func FromCheck(check *mesos.CheckInfo) (Spec, error) {
	if check == nil {
		return Spec{}, errors.New("check: it is not set")
	}
	spec, err := timing("check", check)
	if err != nil {
		return Spec{}, err
	}
	switch check.Type {
	case mesos.CheckInfo_COMMAND:
		if check.Command == nil {
			return Spec{}, missing("check.command", Command)
		}
		command := check.Command.Command
		if !command.GetShell() && len(command.Arguments) > 0 {
			// The arguments of a check begin with the program's name, as those of a task do. Those of a health check in a container
			// do not (contract 4.3).
			command.Arguments = command.Arguments[1:]
		}
		err = spec.command("check.command.command", &command)
	case mesos.CheckInfo_HTTP:
		if check.HTTP == nil {
			return Spec{}, missing("check.http", HTTP)
		}
		spec.Kind = HTTP
		spec.HTTP = HTTPSpec{Scheme: schemeHTTP, Port: check.HTTP.Port, Path: check.HTTP.GetPath()}
		err = spec.HTTP.validate("check.http")
	case mesos.CheckInfo_TCP:
		if check.TCP == nil {
			return Spec{}, missing("check.tcp", TCP)
		}
		spec.Kind, spec.TCP.Port = TCP, check.TCP.Port
	default:
		err = fmt.Errorf("check.type: %d is none of COMMAND, HTTP and TCP", check.Type)
	}
	if err != nil {
		return Spec{}, err
	}
	return spec, nil
}

func missing(field string, kind Kind) error {
	return fmt.Errorf("%s: it must be set in a check of type %s", field, kind)
}

var kinds = map[mesos.HealthCheck_Type]Kind{mesos.HealthCheck_COMMAND: Command, mesos.HealthCheck_HTTP: HTTP, mesos.HealthCheck_TCP: TCP}

// healthCheckKind returns the type, or the type that the master would fill in.
func healthCheckKind(check *mesos.HealthCheck) Kind {
	switch {
	case check.Type != mesos.HealthCheck_UNKNOWN:
		return kinds[check.Type]
	case check.Command != nil:
		return Command
	case check.HTTP != nil:
		return HTTP
	}
	return 0
}

func schemeOf(h *mesos.HealthCheck_HTTPCheckInfo) string {
	if h.Scheme == nil {
		return schemeHTTP
	}
	return *h.Scheme
}

func (h HTTPSpec) validate(field string) error {
	if h.Scheme != schemeHTTP && h.Scheme != schemeHTTPS {
		return fmt.Errorf("%s.scheme: %q is neither http nor https", field, bounded(h.Scheme))
	}
	if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		return fmt.Errorf("%s.path: %q must begin with a slash", field, bounded(h.Path))
	}
	return nil
}

func isIPv6(field string, p mesos.NetworkInfo_Protocol) (bool, error) {
	switch p {
	case mesos.IPv4:
		return false, nil
	case mesos.IPv6:
		return true, nil
	default:
		return false, fmt.Errorf("%s.protocol: %d is neither IPv4 nor IPv6", field, p)
	}
}

// command translates a CommandInfo. Its value is a script with shell (the default), else a program with arguments.
func (s *Spec) command(field string, info *mesos.CommandInfo) error {
	s.Kind = Command
	if info == nil {
		return missing(field, Command)
	}
	if info.Value == nil {
		return fmt.Errorf("%s.value: it must be set", field)
	}
	if info.GetShell() {
		s.Command.Argv = []string{"sh", "-c", *info.Value}
	} else {
		s.Command.Argv = append([]string{*info.Value}, info.Arguments...)
	}
	var err error
	s.Command.Env, err = assignments(field+".environment", info.GetEnvironment().GetVariables())
	return err
}

// assignments returns variables as NAME=value, sorted by name. The last of several with one name wins.
func assignments(field string, variables []mesos.Environment_Variable) ([]string, error) {
	values := make(map[string]string, len(variables))
	for i, v := range variables {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") {
			return nil, fmt.Errorf("%s.variables[%d].name: it must be set, without \"=\"", field, i)
		}
		value := v.GetValue()
		if v.GetType() == mesos.Environment_Variable_SECRET {
			if v.Secret == nil || v.Secret.Value == nil {
				return nil, fmt.Errorf("%s.variables[%d].secret: only secrets with a value can be given to a command", field, i)
			}
			value = string(v.Secret.Value.Data)
		}
		values[v.Name] = value
	}
	var list []string
	for name, value := range values {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list, nil
}

// timed is implemented by both messages. The getters apply the defaults.
type timed interface {
	GetDelaySeconds() float64
	GetIntervalSeconds() float64
	GetTimeoutSeconds() float64
}

func timing(field string, check timed) (spec Spec, err error) {
	if spec.Delay, err = seconds(field+".delay_seconds", check.GetDelaySeconds()); err != nil {
		return Spec{}, err
	}
	if spec.Interval, err = seconds(field+".interval_seconds", check.GetIntervalSeconds()); err != nil {
		return Spec{}, err
	}
	if spec.Timeout, err = seconds(field+".timeout_seconds", check.GetTimeoutSeconds()); err != nil {
		return Spec{}, err
	}
	return spec, nil
}

// seconds converts seconds to a duration. It rounds up, so a tiny timeout does not become 0, which means no timeout.
func seconds(field string, s float64) (time.Duration, error) {
	const longest = float64(math.MaxInt64/int64(time.Second)) / 2 // leaves room for sums
	switch {
	case math.IsNaN(s) || s < 0:
		return 0, fmt.Errorf("%s: %v must be zero or more", field, s)
	case s > longest:
		return 0, fmt.Errorf("%s: %v is too long", field, s)
	default:
		return time.Duration(math.Ceil(s * float64(time.Second))), nil
	}
}
