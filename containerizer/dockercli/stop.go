package dockercli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"mesos-docker-containerizer/containerizer/engine"
)

// defaultStopTime is docker's default for a container without a stop timeout.
const defaultStopTime = 10

var stopSyntax = syntax{
	name:     "stop",
	operands: "CONTAINER [CONTAINER...]",
	about:    "Stop one or more running containers",
	options: func(set *pflag.FlagSet) {
		set.IntP("time", "t", defaultStopTime, "Seconds to wait for stop before killing it")
		set.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
			if name == "timeout" { // its name from docker 28 on
				name = "time"
			}
			return pflag.NormalizedName(name)
		})
	},
}

// stop stops containers and prints their names. A task's container is stopped through its session, which also works while the
// Engine hangs.
func (d *Docker) stop(ctx context.Context, call Call) error {
	options, names, err := stopSyntax.parse(call)
	if err != nil {
		return err
	}
	seconds := option(options.GetInt("time"))
	if seconds < 0 || seconds > math.MaxInt32 {
		return fmt.Errorf("%d is not a number of seconds that a stop can take", seconds)
	}
	given := options.Changed("time")
	return each(call, names, func(name string) error {
		grace := time.Duration(seconds) * time.Second
		if !given {
			grace = d.stopTime(ctx, name)
		}
		return d.stopOne(ctx, name, grace)
	})
}

// stopTime returns the stop timeout of the container, else docker's default.
func (d *Docker) stopTime(ctx context.Context, name string) time.Duration {
	if c, err := d.options.Engine.Inspect(ctx, name); err == nil && c.Config.StopTimeout != nil && *c.Config.StopTimeout >= 0 {
		return time.Duration(*c.Config.StopTimeout) * time.Second
	}
	return defaultStopTime * time.Second // an error will show when the container is stopped
}

func (d *Docker) stopOne(ctx context.Context, name string, grace time.Duration) error {
	ours, err := d.stopOurs(ctx, name, grace)
	if !ours {
		err = d.options.Engine.Stop(ctx, name, grace)
	}
	if engine.IsNotFound(err) && d.inspects.holds(name) {
		return nil // the agent has listed it, and it does not run
	}
	return d.explain(err)
}

// stopOurs stops a container through its session, if it is a task's.
func (d *Docker) stopOurs(ctx context.Context, name string, grace time.Duration) (ours bool, err error) {
	limit := grace + engine.StopMargin
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ours, err = d.options.Tasks.StopContainer(limited, name, grace)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = said(fmt.Sprintf("Error response from daemon: cannot stop container: %s: no exit was seen within %v", name, limit))
	}
	return ours, err
}

var killSyntax = syntax{
	name:     "kill",
	operands: "CONTAINER [CONTAINER...]",
	about:    "Kill one or more running containers",
	options: func(set *pflag.FlagSet) {
		set.StringP("signal", "s", "KILL", "Signal to send to the container")
	},
}

// kill sends a signal to containers and prints their names.
func (d *Docker) kill(ctx context.Context, call Call) error {
	options, names, err := killSyntax.parse(call)
	if err != nil {
		return err
	}
	signal := option(options.GetString("signal"))
	return each(call, names, func(name string) error {
		return d.explain(d.options.Engine.Kill(ctx, name, signal))
	})
}

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

// each applies a function to several containers, some at a time, and prints the names of those that succeed, in order. Names may
// begin with a slash, as the Engine writes them.
func each(call Call, names []string, do func(name string) error) error {
	results := make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, name := range names {
		name = strings.TrimPrefix(name, "/")
		if !engine.ValidName(name) {
			results[i] = noSuchContainer(name)
			continue
		}
		group.Go(func() error {
			results[i] = do(name)
			return nil
		})
	}
	_ = group.Wait() // each error is in results
	var failures []error
	for i, err := range results {
		var harmless notice
		switch {
		case errors.As(err, &harmless):
			fmt.Fprintln(call.Stderr, harmless)
		case err != nil:
			failures = append(failures, err)
		default:
			if _, err := fmt.Fprintln(call.Stdout, names[i]); err != nil {
				return err // the reader is gone
			}
		}
	}
	return errors.Join(failures...)
}

// notice is a message on stderr that does not change the exit status.
type notice struct{ said }
