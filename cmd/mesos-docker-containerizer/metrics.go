package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/metrics"
)

// serveMetrics shows the metrics, and nothing else, at metrics_address until ctx ends, if that is set.
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
