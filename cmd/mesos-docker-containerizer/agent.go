package main

import (
	"errors"
	"net"
	"os"
	"os/user"
	"strconv"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/config/marathon"
	"mesos-docker-containerizer/executor/localagent"
)

// agentID makes up the id of the agent that exists for one run, in the form of a master's.
func agentID() string { return uuid.NewString() + "-S0" }

// frameworkID makes up the id of the framework that the tasks of one run belong to.
func frameworkID() string { return uuid.NewString() + "-0000" }

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
		Tokens:              true, // whoever else is on the host must not speak for an executor
		Logger:              logger,
	}
	if c.IP.IsValid() {
		options.IP = c.IP.String()
	}
	return localagent.New(options)
}

// freePorts passes over host ports that something on this host listens on already, which a real agent does not offer either.
// A port that an app names itself is not looked at: the Engine says best why it cannot be had.
type freePorts struct{ *marathon.Ports }

// Draw implements marathon.PortSource.
func (f freePorts) Draw(wishes []uint32) ([]uint32, error) {
	var busy []uint32
	defer func() { f.Release(busy...) }()
	for {
		drawn, err := f.Ports.Draw(wishes)
		if err != nil {
			return nil, err
		}
		before := len(busy)
		var keep []uint32
		for i, port := range drawn {
			if wishes[i] == 0 && !isFree(port) {
				busy = append(busy, port)
			} else {
				keep = append(keep, port)
			}
		}
		if len(busy) == before {
			return drawn, nil
		}
		f.Release(keep...) // busy ones stay drawn, so that the next try gets others
	}
}

// isFree says that a port can be had for tcp and udp on every address.
func isFree(port uint32) bool {
	address := net.JoinHostPort("", strconv.FormatUint(uint64(port), 10))
	stream, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	packets, err := net.ListenPacket("udp", address)
	if err == nil {
		err = packets.Close()
	}
	return errors.Join(err, stream.Close()) == nil
}
