package dockercli

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"mesos-docker-containerizer/containerizer/engine"
)

// said is an error in docker's words. Unlike other errors it begins with a capital and may end with a full stop.
type said string

func (s said) Error() string { return string(s) }

// noSuchContainer is the Engine's error for an unknown name.
func noSuchContainer(name string) error {
	return said("Error response from daemon: No such container: " + name)
}

// explain gives an error of the Engine, or its silence, docker's words, and leaves what was said of it beside. The error can still be
// unwrapped.
func (d *Docker) explain(err error) error {
	e, ok := errors.AsType[*engine.Error](err)
	if _, done := errors.AsType[*explained](err); done || !ok {
		return err
	}
	text := e.Reason()
	if engine.IsUnavailable(err) {
		text = "error during connect: " + e.Error()
		if refused, ok := errors.AsType[*net.OpError](err); ok && refused.Op == "dial" {
			text = fmt.Sprintf("Cannot connect to the Docker daemon at unix://%s. Is the docker daemon running?", d.options.Engine.Socket())
		}
	}
	return &explained{text: strings.Replace(err.Error(), e.Error(), text, 1), err: err}
}

// explained is an error in docker's words.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }

func (e *explained) Unwrap() error { return e.err }
