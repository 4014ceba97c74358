package dockercli

import (
	"context"
	"fmt"
	"strings"
	"time"

	timetypes "github.com/docker/docker/api/types/time"
	"github.com/spf13/pflag"

	"mesos-docker-containerizer/containerizer/engine"
)

var logsSyntax = syntax{
	name:     "logs",
	operands: "CONTAINER",
	about:    "Fetch the logs of a container",
	options: func(set *pflag.FlagSet) {
		set.Bool("details", false, "Show extra details provided to logs")
		set.BoolP("follow", "f", false, "Follow log output")
		set.String("since", "", "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)")
		set.StringP("tail", "n", "all", "Number of lines to show from the end of the logs")
		set.BoolP("timestamps", "t", false, "Show timestamps")
		set.String("until", "", "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)")
	},
}

// logs prints a container's output from the Engine's log. For a task this is what the daemon's log driver keeps, which is less
// than the sandbox has.
func (d *Docker) logs(ctx context.Context, call Call) error {
	set, operands, err := logsSyntax.parse(call)
	if err != nil {
		return err
	}
	if len(operands) != 1 {
		return logsSyntax.wrongCount("requires exactly 1 argument")
	}
	options, err := logOptions(set, time.Now())
	if err != nil {
		return err
	}
	c, err := d.named(ctx, operands[0])
	if err != nil {
		return err
	}
	stream, err := d.options.Engine.Log(ctx, c.ID, options)
	if err != nil {
		return d.explain(err)
	}
	defer stream.Close()
	return copyOutput(ctx, call, stream, c.Config.Tty)
}

// logOptions parses the options. Times may be relative to now.
func logOptions(set *pflag.FlagSet, now time.Time) (o engine.LogOptions, err error) {
	o = engine.LogOptions{
		Details: option(set.GetBool("details")), Follow: option(set.GetBool("follow")), Timestamps: option(set.GetBool("timestamps")),
		Tail: option(set.GetString("tail")),
	}
	for name, into := range map[string]*string{"since": &o.Since, "until": &o.Until} {
		text := option(set.GetString(name))
		if text == "" {
			continue
		}
		if *into, err = timetypes.GetTimestamp(text, now); err != nil {
			return o, fmt.Errorf("invalid value for %q: %w", name, err)
		}
	}
	return o, nil
}

// named inspects a container by a name from the command line.
func (d *Docker) named(ctx context.Context, name string) (engine.Container, error) {
	bare := strings.TrimPrefix(name, "/")
	absent := said("Error: No such container: " + name)
	if !engine.ValidName(bare) {
		return engine.Container{}, absent
	}
	c, err := d.options.Engine.Inspect(ctx, bare)
	if engine.IsNotFound(err) {
		return c, absent
	}
	return c, d.explain(err)
}
