package dockercli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/pflag"

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
	seconds, err := options.GetInt("time")
	if err != nil {
		return err
	}
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
		return nil // the agent was told of it, and it does not run
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
