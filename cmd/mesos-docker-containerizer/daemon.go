package main

import (
	"encoding/json"
	"fmt"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

// newServer puts the daemon's core together from the configuration. The Engine's client is the caller's to close.
func newServer(c *config.Config, docker *engine.Client, m *metrics.Metrics, runDirectory string, logger *zap.Logger) (*containerizer.Server, error) {
	images, err := newPuller(c, docker, m, logger)
	if err != nil {
		return nil, err
	}
	dns, err := defaultDNS(c)
	if err != nil {
		return nil, err
	}
	rules, err := newPolicy(c)
	if err != nil {
		return nil, err
	}
	limit, limitFlag := c.PrepareLimit()
	return containerizer.New(containerizer.Options{
		Engine:              docker,
		Images:              images,
		Parameters:          parameters.NewSubprocess(),
		RunDirectory:        runDirectory,
		Refusal:             refusal(c),
		Policy:              rules,
		OtherUsers:          c.SocketGroup != "",
		WorkDirectory:       c.WorkDir,
		ProgressInterval:    c.PullProgressInterval,
		PrepareTimeout:      limit,
		PrepareSource:       fmt.Sprintf("%s, from %s", limitFlag, c.Origin(limitFlag)),
		OrphanGrace:         c.OrphanGrace,
		KillOrphans:         c.DockerKillOrphans,
		StopTimeout:         c.DockerStopTimeout,
		RemoveDelay:         c.DockerRemoveDelay,
		KeepAtStart:         dockercli.RecoveryTime,
		MappedDirectory:     c.SandboxDirectory,
		CgroupsEnableCFS:    c.CgroupsEnableCFS,
		HonorCommandUser:    c.HonorCommandUser,
		DefaultContainerDNS: dns,
		LogDriver:           c.LogDriver,
		LogOpts:             c.LogOpts,
		Metrics:             m,
		Logger:              logger,
	})
}

// refusal is why DOCKER tasks are not accepted on this host; empty if they are.
func refusal(c *config.Config) string {
	if c.DockerEnabled() {
		return ""
	}
	return fmt.Sprintf("DOCKER tasks are not accepted on this host: docker is not among the containerizers (%s); to take them without "+
		"changing the agent, put docker,mesos into /etc/mesos-docker-containerizer/containerizers and restart mesos-docker-containerizer",
		c.Origin("containerizers"))
}

// defaultDNS hands the setting on in its own form, which both sides read.
func defaultDNS(c *config.Config) (*runspec.DNS, error) {
	if c.DefaultContainerDNS == nil {
		return nil, nil
	}
	text, err := json.Marshal(c.DefaultContainerDNS)
	if err != nil {
		return nil, fmt.Errorf("default_container_dns: %w", err)
	}
	dns, err := runspec.ParseDNS(text)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, c.Origin("default_container_dns"))
	}
	return dns, nil
}
