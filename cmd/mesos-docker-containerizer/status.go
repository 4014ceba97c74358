package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/statuspage"
	"mesos-docker-containerizer/systemd"
)

// servePage shows the status page at status_address until ctx ends, if that is set.
func servePage(ctx context.Context, group *sync.WaitGroup, running func() *config.Config, server *containerizer.Server, logger *zap.Logger) error {
	c := running()
	if c.StatusAddress == "" {
		return nil
	}
	listener, err := listenLocally(c.StatusAddress)
	if err != nil {
		return fmt.Errorf("status_address (%s): %w", c.Origin("status_address"), err)
	}
	page := statuspage.New(statuspage.Options{
		Facts: server.Status, Settings: func() []statuspage.Setting { return changedSettings(running()) }, Version: version, Host: hostname(c),
	})
	logger.Info("the status page is shown", zap.String("address", listener.Addr().String()))
	group.Go(func() {
		if err := containerizer.ServeAdmin(ctx, listener, page); err != nil {
			logger.Error("the status page is not shown at status_address any more", zap.Error(err))
		}
	})
	return nil
}

// listenLocally listens at the path of a socket, which is root's alone, or at a loopback address.
func listenLocally(address string) (net.Listener, error) {
	if filepath.IsAbs(address) {
		return systemd.Listen(address)
	}
	return net.Listen("tcp", address)
}

// changedSettings are the settings that differ from the default, without secrets.
func changedSettings(c *config.Config) (changed []statuspage.Setting) {
	for _, row := range c.Changed() {
		changed = append(changed, statuspage.Setting{Name: row.Name, Value: cmp.Or(row.Text(), notSet), Origin: row.Origin})
	}
	return changed
}
