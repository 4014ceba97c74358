package main

import (
	"cmp"
	"context"
	"sync"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/statuspage"
)

// servePage shows the status page at status_address until ctx ends, if that is set.
func servePage(ctx context.Context, group *sync.WaitGroup, running func() *config.Config, server *containerizer.Server, logger *zap.Logger) error {
	c := running()
	page := statuspage.New(statuspage.Options{
		Facts: server.Status, Settings: func() []statuspage.Setting { return changedSettings(running()) }, Version: version, Host: hostname(c),
	})
	return serveAt(ctx, group, c, "status_address", c.StatusAddress, "the status page is", page, logger)
}

// changedSettings are the settings that differ from the default, without secrets.
func changedSettings(c *config.Config) (changed []statuspage.Setting) {
	for _, row := range c.Changed() {
		changed = append(changed, statuspage.Setting{Name: row.Name, Value: cmp.Or(row.Text(), notSet), Origin: row.Origin})
	}
	return changed
}
