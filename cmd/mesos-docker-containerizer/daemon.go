package main

import (
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

// newServer puts the daemon's core together from the configuration. The Engine's client is the caller's to close.
func newServer(c *config.Config, docker *engine.Client, m *metrics.Metrics, runDirectory string, records *record.Store, logger *zap.Logger) (*containerizer.Server, error) {
	images, err := newPuller(c, docker, m, logger)
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
		UsernsSandbox:       c.UsernsSandbox,
		UsernsHost:          c.UsernsHost,
		BelowExecutor:       c.CgroupParent == config.CgroupParentExecutor,
		HonorCommandUser:    c.HonorCommandUser,
		CNIConfigurations:   c.CNIConfigurations,
		CNIPlugins:          c.CNIPlugins,
		StateDirectory:      stateDirectory(c),
		DefaultContainerDNS: c.DefaultContainerDNS,
		LogDriver:           c.LogDriver,
		LogOpts:             c.LogOpts,
		Records:             records,
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

// newCommands builds what answers the agent's docker command. The caller closes it.
func newCommands(c *config.Config, docker *engine.Client, server *containerizer.Server, logger *zap.Logger) *dockercli.Docker {
	return dockercli.New(dockercli.Options{
		Engine:              docker,
		Images:              server.Options().Images,
		Tasks:               server,
		Policy:              server.Options().Policy,
		GPUs:                server.Options().GPUs,
		Parameters:          parameters.NewSubprocess(),
		DeferPull:           c.DeferPull,
		PullDirectory:       filepath.Join(c.RunDir, "pulls"),
		RegistrationTimeout: c.ExecutorRegistrationTimeout,
		WorkDirectory:       c.WorkDir,
		Logger:              logger,
	})
}
