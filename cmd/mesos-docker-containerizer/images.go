package main

import (
	"fmt"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
)

// newPuller makes what pulls images from the configuration.
func newPuller(c *config.Config, docker *engine.Client, observer image.Observer, logger *zap.Logger) (*image.Puller, error) {
	return image.New(image.Options{
		Engine:            docker,
		InactivityTimeout: c.PullInactivityTimeout,
		MaxConcurrent:     c.MaxConcurrentPulls,
		Policy:            image.Policy(c.PullPolicy),
		Fallback:          image.Fallback(c.PullFallback),
		DockerConfigs:     dockerConfigs(c),
		MarkPulled:        c.ImageGCDelay > 0,
		Observer:          observer,
		Logger:            logger,
	})
}

// dockerConfigs are the operator's credentials, in the order in which they are looked at.
func dockerConfigs(c *config.Config) (configs []image.DockerConfig) {
	if c.AgentDockerConfig != nil {
		configs = append(configs, image.DockerConfig{Source: "the agent's docker_config", Content: c.AgentDockerConfig})
	}
	if c.DockerConfig != nil {
		source := fmt.Sprintf("docker_config (%s)", c.Origin("docker_config"))
		configs = append(configs, image.DockerConfig{Source: source, Content: c.DockerConfig})
	}
	return configs
}

// collectorOptions are for what cleans images up, if image_gc_delay is set, and tells admins about images in any case.
func collectorOptions(c *config.Config, docker *engine.Client, puller *image.Puller, logger *zap.Logger) image.CollectorOptions {
	return image.CollectorOptions{
		Store:     docker,
		Puller:    puller,
		Delay:     c.ImageGCDelay,
		Threshold: c.ImageGCDiskThreshold,
		Exclude:   c.ImageGCExclude,
		DryRun:    c.ImageGCDryRun,
		Logger:    logger,
	}
}
