package localagent

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/agentflag"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment returns the whole environment of an executor (contract 1.5); it inherits nothing. Later layers win: the agent's
// --executor_environment_variables, the agent's own variables, those of the executor's CommandInfo.
func (a *Agent) environment(e *executorRun) (map[string]string, error) {
	checkpoint := e.framework.info.GetCheckpoint()
	env := map[string]string{"PATH": defaultPath}
	maps.Copy(env, a.options.ExecutorEnvironment)

	if a.options.IP != "" {
		env["LIBPROCESS_IP"] = a.options.IP
	}
	env["LIBPROCESS_PORT"] = "0"
	env["MESOS_FRAMEWORK_ID"] = e.framework.info.ID.Value
	env["MESOS_EXECUTOR_ID"] = e.info.ExecutorID.Value
	env["MESOS_SLAVE_ID"] = a.options.AgentID
	env["MESOS_DIRECTORY"] = e.sandbox
	env["MESOS_SANDBOX"] = e.sandbox // set by the Mesos containerizer
	env["MESOS_SLAVE_PID"] = agentProcess + "@" + a.address
	env["MESOS_AGENT_ENDPOINT"] = a.address
	env["MESOS_CHECKPOINT"] = "0"
	env["MESOS_HTTP_COMMAND_EXECUTOR"] = "0"
	env["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"] = agentflag.FormatDuration(a.shutdownGrace(e.info))
	if checkpoint {
		env["MESOS_CHECKPOINT"] = "1"
		env["MESOS_RECOVERY_TIMEOUT"] = agentflag.FormatDuration(a.options.RecoveryTimeout)
		env["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = agentflag.FormatDuration(a.options.SubscriptionBackoffMax)
	}
	if a.options.Tokens {
		env["MESOS_EXECUTOR_AUTHENTICATION_TOKEN"] = a.issueToken(claims{
			FrameworkID: e.framework.info.ID.Value,
			ExecutorID:  e.info.ExecutorID.Value,
			ContainerID: e.containerID,
		})
	}
	if a.options.DomainSocket != "" {
		env["MESOS_DOMAIN_SOCKET"] = a.options.DomainSocket
	}
	return env, overlay(env, e.info.GetCommand().GetEnvironment())
}

// overlay adds the variables of a CommandInfo. A secret must have its value in the task, because there is no secret store.
func overlay(env map[string]string, own *mesos.Environment) error {
	for _, v := range own.GetVariables() {
		switch {
		case v.GetType() != mesos.Environment_Variable_SECRET:
			env[v.Name] = v.GetValue()
		case v.Secret.GetValue() != nil:
			env[v.Name] = string(v.Secret.Value.Data)
		default:
			return fmt.Errorf("environment variable %s is a secret by reference, and no secret store is configured", v.Name)
		}
	}
	return nil
}

// sandboxMode keeps a task's data from other users, as the agent does.
const sandboxMode = 0o750

// makeSandbox creates the directory of an executor's run in the agent's layout, and points "latest" to it.
func (a *Agent) makeSandbox(e *executorRun) (string, error) {
	runs := filepath.Join(a.options.WorkDir, "slaves", a.options.AgentID, "frameworks", e.framework.info.ID.Value,
		"executors", e.info.ExecutorID.Value, "runs")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	sandbox := filepath.Join(runs, e.containerID)
	if err := os.Mkdir(sandbox, sandboxMode); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	// Replaced in one step, so that a reader always finds one run or the other.
	fresh := filepath.Join(runs, "latest."+e.containerID)
	if err := os.Symlink(sandbox, fresh); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	if err := os.Rename(fresh, filepath.Join(runs, "latest")); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	return sandbox, nil
}

// openOutput opens one of the sandbox's output files for the executor to append to.
func openOutput(sandbox, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(sandbox, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// volumeMode is that of the agent's own volumes.
const volumeMode = 0o755

// makeVolumes creates in a sandbox the directory of each persistent volume, where an agent mounts the volume (contract
// 1.2). Such a volume is new and lives as long as the sandbox. An agent ignores paths that lead out of the sandbox or have a slash.
func makeVolumes(sandbox string, task mesos.TaskInfo, executor mesos.ExecutorInfo) error {
	for _, resource := range slices.Concat(task.Resources, executor.Resources) {
		if resource.GetDisk().GetPersistence() == nil {
			continue
		}
		name := resource.GetDisk().GetVolume().GetContainerPath()
		if !filepath.IsLocal(name) || name == "." || strings.Contains(name, "/") {
			continue
		}
		if err := os.MkdirAll(filepath.Join(sandbox, name), volumeMode); err != nil {
			return fmt.Errorf("make persistent volume: %w", err)
		}
	}
	return nil
}
