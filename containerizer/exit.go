package containerizer

import (
	"errors"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// failure turns the error of a preparation into the outcome, in words for the framework's user.
func (s *session) failure(err error) wire.Exited {
	exit := wire.Exited{Outcome: wire.OutcomeFailed, Fault: wire.FaultHost, Message: err.Error()}
	var spec *runspec.Error
	var pull *image.Error
	var gpus *gpu.Unavailable
	var refusal *policy.Refusal
	switch {
	case processGone(err):
		return unknownEnd(err)
	case errors.Is(err, container.ErrStopped):
		exit.Message = "Container was killed before it was started"
	case errors.As(err, new(*container.NameInUseError)):
	case errors.As(err, &spec):
		exit.Fault = wire.FaultTask
		exit.Message = "Failed to create docker run options: " + spec.Error()
	case errors.As(err, &refusal):
		exit.Fault = wire.FaultTask
		exit.Message = "The policy of this host refuses the task: " + refusal.Error()
	case errors.As(err, &gpus):
		exit.Fault = wire.FaultTask
	case errors.As(err, &pull):
		if pull.Kind.Fault() == image.User {
			exit.Fault = wire.FaultTask
		}
	case engine.IsInvalid(err):
		exit.Fault = wire.FaultTask
		exit.Message = "Failed to run docker container: " + err.Error()
	case errors.As(err, new(*engine.Error)):
		exit.Message = "Failed to run docker container: " + err.Error()
	}
	return exit
}

// processGone reports whether an error says that a container's process has ended, and the Engine cannot tell how.
func processGone(err error) bool {
	return errors.Is(err, container.ErrVanished) || errors.Is(err, container.ErrRestarted) || errors.As(err, new(*container.ForgottenError)) ||
		errors.As(err, new(*container.LostExitError))
}

// unknownEnd is the outcome of a container that ran.
func unknownEnd(err error) wire.Exited {
	return wire.Exited{Outcome: wire.OutcomeUnknown, Fault: wire.FaultHost, Message: err.Error(), Gone: processGone(err)}
}
