package dockercli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mesos-docker-containerizer/containerizer/engine"
)

var waitSyntax = syntax{
	name:     "wait",
	operands: "CONTAINER [CONTAINER...]",
	about:    "Block until one or more containers stop, then print their exit codes",
}

// wait waits for containers, one after another, and prints their exit statuses.
func (d *Docker) wait(ctx context.Context, call Call) error {
	_, names, err := waitSyntax.parse(call)
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range names {
		name = strings.TrimPrefix(name, "/")
		if !engine.ValidName(name) {
			failures = append(failures, noSuchContainer(name))
			continue
		}
		status, err := d.options.Engine.Wait(ctx, name)
		if err == nil {
			_, err = fmt.Fprintln(call.Stdout, status)
		}
		failures = append(failures, d.explain(err))
	}
	return errors.Join(failures...)
}
