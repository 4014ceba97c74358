package main

import (
	"os"
	"os/user"
	"strconv"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/config/marathon"
	"mesos-docker-containerizer/internal/localagent"
)

// newAgent starts the stand-in for the agent. Its framework does not checkpoint: should this process be killed, executors end
// with it instead of waiting for an agent that will not come back.
func newAgent(c *config.Config, offer marathon.Offer, framework, workDirectory string, logger *zap.Logger) (*localagent.Agent, error) {
	name := strconv.Itoa(os.Geteuid())
	if current, err := user.Current(); err == nil {
		name = current.Username
	}
	options := localagent.Options{
		WorkDir:  workDirectory,
		Hostname: offer.Hostname,
		AgentID:  offer.AgentID,
		Framework: &mesos.FrameworkInfo{
			User: name,
			Name: "mesos-docker-containerizer run",
			ID:   &mesos.FrameworkID{Value: framework},
			Capabilities: []mesos.FrameworkInfo_Capability{
				{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE},
				{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
			},
		},
		RegistrationTimeout: c.ExecutorRegistrationTimeout,
		ShutdownGrace:       c.ExecutorShutdownGracePeriod,
		Tokens:              true, // other users of the host must not speak for an executor
		Logger:              logger,
	}
	if c.IP.IsValid() {
		options.IP = c.IP.String()
	}
	return localagent.New(options)
}
