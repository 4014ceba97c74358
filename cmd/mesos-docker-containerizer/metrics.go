package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/metrics"
)

// pingInterval is well below the time for which an Engine has to be away before a person is called (docs/metrics.md).
const pingInterval = 30 * time.Second

// keepAsking has the Engine asked for a sign of life until ctx ends. What comes of it is in the metrics: without it they would
// tell of the last task's calls, however long ago those were.
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
	if c.MetricsAddress == "" {
		return nil
	}
	listener, err := net.Listen("tcp", c.MetricsAddress)
	if err != nil {
		return fmt.Errorf("metrics_address (%s): %w", c.Origin("metrics_address"), err)
	}
	mux := http.NewServeMux()
	m.HandleAdmin(mux)
	logger.Info("metrics are shown", zap.String("address", listener.Addr().String()))
	group.Go(func() {
		if err := containerizer.ServeAdmin(ctx, listener, mux); err != nil {
			logger.Error("metrics are not shown at metrics_address any more", zap.Error(err))
		}
	})
	return nil
}
