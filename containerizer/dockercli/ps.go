package dockercli

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/docker/api/types/container"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
)

var psSyntax = syntax{
	name:  "ps",
	about: "List containers",
	options: func(set *pflag.FlagSet) {
		set.BoolP("all", "a", false, "Show all containers (default shows just running)")
	},
}

// ps lists containers as docker's table. Agents take the last column of `ps -a` for names and inspect those that begin as theirs,
// so these are remembered.
func (d *Docker) ps(ctx context.Context, call Call) error {
	options, _, err := psSyntax.parse(call)
	if err != nil {
		return err
	}
	all, err := options.GetBool("all")
	if err != nil {
		return err
	}
	if all {
		d.beginRecovery()
	}
	var list []container.Summary
	if err := d.retryWhileUnavailable(ctx, func(ctx context.Context) (err error) {
		list, err = d.options.Engine.ListAll(ctx, all)
		return err
	}); err != nil {
		return d.explain(err)
	}
	if all {
		d.beginRecovery() // the time counts from the answer on
		d.remember(list)
	}
	return writeTable(call.Stdout, list)
}

// writeTable writes docker's table. Ports at addresses of IP version 6 are written as docker does it from version 28 on.
func writeTable(w io.Writer, list []container.Summary) error {
	format := formatter.NewContainerFormat(formatter.TableFormatKey, false, false)
	return formatter.ContainerWrite(formatter.Context{Output: w, Format: format, Trunc: true}, list)
}

// remember takes down those containers that an agent will ask for, at once as the list has them, and then, without keeping the
// caller, as an inspect does.
func (d *Docker) remember(list []container.Summary) {
	var ids []string
	for _, c := range list {
		if name := listedName(c); strings.HasPrefix(name, ours.AgentPrefix) {
			d.inspects.list(name, c)
			ids = append(ids, c.ID)
		}
	}
	d.background.Go(func() {
		ctx, cancel := context.WithTimeout(d.life, rememberLimit)
		defer cancel()
		var group sync.WaitGroup
		places := make(chan struct{}, rememberedAtOnce)
		for _, id := range ids {
			places <- struct{}{}
			group.Go(func() {
				defer func() { <-places }()
				found, err := d.options.Engine.Inspect(ctx, id)
				switch {
				case err == nil:
					d.inspects.remember(found)
				case !engine.IsNotFound(err) && d.life.Err() == nil:
					d.options.Logger.Warn("a container that an agent may recover was not inspected in time", zap.String("container", id), zap.Error(err))
				}
			})
		}
		group.Wait()
	})
}

// listedName is the name that the table shows: not those that links give.
func listedName(c container.Summary) string {
	for _, name := range c.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}
