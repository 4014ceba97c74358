package health

import (
	"context"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Kind is what a probe does.
type Kind int

// The kinds of probes.
const (
	Command Kind = iota + 1 // run a command in the container
	HTTP                    // ask an HTTP or HTTPS server
	TCP                     // connect
)

// String returns the name of the kind in messages.
func (k Kind) String() string {
	switch k {
	case Command:
		return "COMMAND"
	case HTTP:
		return "HTTP"
	case TCP:
		return "TCP"
	default:
		return "unknown"
	}
}

// Spec is one check, valid and complete. FromHealthCheck and FromCheck make it. Of the last three fields the one of its Kind is
// set.
type Spec struct {
	Kind Kind

	Delay    time.Duration // from the start of the container to the first probe
	Interval time.Duration // from the end of one probe to the next
	Timeout  time.Duration // of one probe; 0 for none

	HTTP    HTTPSpec
	TCP     TCPSpec
	Command CommandSpec
}

// HTTPSpec says what is asked of which server.
type HTTPSpec struct {
	Scheme string // "http" or "https"
	Port   uint32 // what the framework said, which may be no port at all: then each probe fails
	Path   string // empty, or with a slash at its beginning; may hold a query
	IPv6   bool   // the server listens on ::1, not on 127.0.0.1
}

// TCPSpec says where to connect.
type TCPSpec struct {
	Port uint32 // as in HTTPSpec
	IPv6 bool
}

// CommandSpec says what to run. It may hold secrets: it does not belong into a log.
type CommandSpec struct {
	Argv []string
	Env  []string // NAME=value, on top of the container's own variables
}

// Target is the container that is probed.
type Target struct {
	ContainerID string // the full id
	PID         int    // of the container's first process, as the host sees it; 0 when it is not known
	Engine      Engine // carries out commands; may be nil where there are none
}

// Engine is what commands need of the Docker Engine, with the meanings of engine.Client's methods.
type Engine interface {
	CreateExec(ctx context.Context, idOrName string, o container.ExecOptions) (exec string, err error)
	StartExecOutput(ctx context.Context, exec string) (io.ReadCloser, error)
	StartExecDetached(ctx context.Context, exec string, tty bool) error
	InspectExec(ctx context.Context, exec string) (container.ExecInspect, error)
}

// Result is how one probe went.
type Result struct {
	// Ran tells that the probe came to a result: the command ended, the server answered, the connection was accepted or not. It
	// is false when it took too long or could not be carried out, for which a general check has no value.
	Ran bool

	// Succeeded is what counts for a health check.
	Succeeded bool

	ExitCode   *int // of a command that ended
	StatusCode *int // of an answer over HTTP, after redirects

	// Message is one line for people. It holds no environment and a bounded part of what a command wrote.
	Message string
}
