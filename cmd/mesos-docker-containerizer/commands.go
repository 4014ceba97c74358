package main

import (
	"path/filepath"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

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
