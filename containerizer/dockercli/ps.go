package dockercli

import (
	"context"
	"io"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/docker/api/types/container"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

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

// ps prints containers as docker's table. Agents read the names in the last column of `ps -a` and inspect their own, so these are
// stored in the cache.
func (d *Docker) ps(ctx context.Context, call Call) error {
	options, _, err := psSyntax.parse(call)
	if err != nil {
		return err
	}
	all := option(options.GetBool("all"))
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

// writeTable writes docker's table. IPv6 addresses of ports have the form of docker 28 and later.
func writeTable(w io.Writer, list []container.Summary) error {
	format := formatter.NewContainerFormat(formatter.TableFormatKey, false, false)
	return formatter.ContainerWrite(formatter.Context{Output: w, Format: format, Trunc: true}, list)
}

// remember stores the containers that an agent will inspect: at once from the list, and then, after the answer, from inspects.
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
		var group errgroup.Group
		group.SetLimit(rememberedAtOnce)
		for _, id := range ids {
			group.Go(func() error {
				found, err := d.options.Engine.Inspect(ctx, id)
				switch {
				case err == nil:
					d.inspects.remember(found)
				case !engine.IsNotFound(err) && d.life.Err() == nil:
					d.options.Logger.Warn("a container that an agent may recover was not inspected in time", zap.String("container", id), zap.Error(err))
				}
				return nil
			})
		}
		_ = group.Wait()
	})
}

// listedName returns the name that the table shows, without names of links.
func listedName(c container.Summary) string {
	for _, name := range c.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}
