package dockercli

import (
	"context"

	"github.com/spf13/pflag"
)

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
	signal, err := options.GetString("signal")
	if err != nil {
		return err
	}
	return each(call, names, func(name string) error {
		return d.explain(d.options.Engine.Kill(ctx, name, signal))
	})
}
