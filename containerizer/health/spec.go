package health

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Kind is the kind of a probe.
type Kind int

// The kinds of probes.
const (
	Command Kind = iota + 1 // run a command in the container
	HTTP                    // send a request to an HTTP or HTTPS server
	TCP                     // connect to a port
)

// String returns the name of the kind in messages.
func (k Kind) String() string {
	return cmp.Or(map[Kind]string{Command: "COMMAND", HTTP: "HTTP", TCP: "TCP"}[k], "unknown")
}

// Spec is one valid check, from FromHealthCheck or FromCheck. Of the last three fields only that of its Kind is set.
type Spec struct {
	Kind Kind

	Delay    time.Duration // from the start of the container to the first probe
	Interval time.Duration // from the end of one probe to the next
	Timeout  time.Duration // of one probe; 0 for none

	HTTP    HTTPSpec
	TCP     TCPSpec
	Command CommandSpec
}

// HTTPSpec is a request to the container's server.
type HTTPSpec struct {
	Scheme string // "http" or "https"
	Port   uint32 // as the framework gives it; each probe of an invalid port fails
	Path   string // empty, or begins with a slash; may contain a query
	IPv6   bool   // the server listens on ::1, not on 127.0.0.1
}

// TCPSpec is the port to connect to.
type TCPSpec struct {
	Port uint32 // as in HTTPSpec
	IPv6 bool
}

// CommandSpec is a command. It may contain secrets and must not be logged.
type CommandSpec struct {
	Argv []string
	Env  []string // NAME=value, in addition to the container's variables
}

// Target is the probed container.
type Target struct {
	ContainerID string // the full ID
	PID         int    // of the container's first process, on the host; 0 if unknown
	Engine      Engine // runs commands; may be nil without commands
}

// Engine is the part of engine.Client that commands use.
type Engine interface {
	CreateExec(ctx context.Context, idOrName string, o container.ExecOptions) (exec string, err error)
	StartExecOutput(ctx context.Context, exec string) (io.ReadCloser, error)
	StartExecDetached(ctx context.Context, exec string, tty bool) error
	InspectExec(ctx context.Context, exec string) (container.ExecInspect, error)
}

// Result is the result of one probe.
type Result struct {
	// Ran reports that the command ended, the server answered, or the connection was accepted or refused. It is false after a
	// timeout and if the probe could not be made; a general check has no value then.
	Ran bool

	// Succeeded is the result for a health check.
	Succeeded bool

	ExitCode   *int // of a command
	StatusCode *int // of HTTP, after redirects

	// Message is one line for people. It has no environment variables and a bounded part of a command's output.
	Message string
}
