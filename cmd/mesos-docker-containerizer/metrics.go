package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/systemd"
)

// pingInterval is well below the time for which an Engine has to be away before a person is called (docs/metrics.md).
const pingInterval = 30 * time.Second

// keepAsking pings the Engine until ctx ends. The metrics count the pings. Without them they would show the calls of the last task,
// however long ago those were.
func keepAsking(ctx context.Context, ping func(context.Context) error) {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		_ = ping(ctx) // is counted, as every call is
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// serveMetrics shows the metrics, and whether the daemon lives and is ready, at metrics_address until ctx ends, if that is set.
func serveMetrics(ctx context.Context, group *sync.WaitGroup, c *config.Config, m *metrics.Metrics, logger *zap.Logger) error {
	mux := http.NewServeMux()
	m.HandleAdmin(mux)
	return serveAt(ctx, group, c, "metrics_address", c.MetricsAddress, "metrics are", mux, logger)
}

// serveAt serves at the address of a setting until ctx ends, unless that is empty: at the path of a socket, which is root's alone, or at a
// host and port. what begins the log's words about it.
func serveAt(ctx context.Context, group *sync.WaitGroup, c *config.Config, setting, address, what string, handler http.Handler, logger *zap.Logger) error {
	if address == "" {
		return nil
	}
	var listener net.Listener
	var err error
	if filepath.IsAbs(address) {
		listener, err = systemd.Listen(address)
	} else {
		listener, err = net.Listen("tcp", address)
	}
	if err != nil {
		return fmt.Errorf("%s (%s): %w", setting, c.Origin(setting), err)
	}
	logger.Info(what+" shown", zap.String("address", listener.Addr().String()))
	group.Go(func() {
		if err := containerizer.ServeAdmin(ctx, listener, handler); err != nil {
			logger.Error(what+" not shown at "+setting+" any more", zap.Error(err))
		}
	})
	return nil
}
