package runspec

import (
	"context"

	"mesos-docker-containerizer/internal/agentflag"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Task is what is to be run: the TaskInfo and where it lives.
type Task struct {
	Info mesos.TaskInfo

	// Executor is nil, or the ExecutorInfo that the executor was given when it subscribed. It supplies environment and
	// container of a task that runs under a custom executor and so has no command of its own.
	Executor *mesos.ExecutorInfo

	// Name is the exact name of the container.
	Name string

	// SandboxDirectory is the sandbox's absolute path on the host, MappedDirectory its path in the container (agent flag
	// sandbox_directory).
	SandboxDirectory string
	MappedDirectory  string

	// Environment is the executor flag task_environment of the drop-in route. It wins over the CommandInfo's.
	Environment map[string]string
}

// Options are the facts about agent, host and Engine that a translation depends on.
type Options struct {
	// CgroupsEnableCFS is the agent's flag: the cpus of a task without a cpu limit become a CFS quota.
	CgroupsEnableCFS bool

	// DefaultContainerDNS is the agent's flag of that name, nil when unset.
	DefaultContainerDNS *agentflag.ContainerDNS

	// HostMemory is the host's memory in bytes. Zero means unknown: then oom_score_adj is left alone.
	HostMemory uint64

	// LogDriver and LogOpts are given to the Engine unless the task has a log-driver or log-opt parameter of its own.
	LogDriver string
	LogOpts   map[string]string

	// EngineAPI is the version of the Engine's API that is spoken to it, such as "1.41". Empty means that it is recent.
	EngineAPI string

	// HonorCommandUser makes CommandInfo.user the user in the container. Stock ignores it (contract 2.7).
	HonorCommandUser bool

	// CopiesFiles says that the caller puts Spec.Files into the container. Without it a task with a secret volume is refused
	// rather than started without its secret.
	CopiesFiles bool

	// CNI says that plugins join all networks that the task's network_infos name, and the Engine joins none.
	CNI bool

	// Parameters reads docker parameters other than labels. Without it tasks that have such are refused.
	Parameters ParameterParser
}

// Spec is what the Engine is asked to create. The caller owns all of it and adds its own labels to Config.Labels.
type Spec struct {
	Name      string
	Image     string
	ForcePull bool

	Config     *container.Config
	HostConfig *container.HostConfig
	Networking *network.NetworkingConfig
	Platform   *ocispec.Platform

	// TTY says that the container has a terminal, so its output is one stream that is not multiplexed.
	TTY bool

	// Parameters are the keys of the docker parameters that the task declares.
	Parameters []string

	// Large says that the command and the environment may be more than the kernel takes, with the Engine's limits and the image's
	// command and environment: CheckSize tells once the container is there.
	Large bool

	// Files are to be copied into the created container before it starts: secret volumes. FilesArchive packs them.
	Files []File

	// SandboxDirectory with SandboxPaths (relative, inside it) and MountSources (absolute) are what PrepareHost looks after.
	SandboxDirectory string
	SandboxPaths     []string
	MountSources     []string

	// SandboxGroup is a group that PrepareHost lets write to the sandbox; zero for none.
	SandboxGroup int
}

// Translate turns a task into a spec. It fails with an *Error when the task asks for something that cannot be had: that is
// the task's fault and its text is for the framework's user. Any other error is ours or the host's: the context ended, or the
// ParameterParser did not work.
func Translate(ctx context.Context, t Task, o Options) (*Spec, error) {
	src, err := findSource(t)
	if err != nil {
		return nil, err
	}
	spec, err := translate(ctx, t, src, o)
	if err != nil {
		return nil, src.locate(err)
	}
	return spec, nil
}

// translate is Translate for a task whose container and command are found.
func translate(ctx context.Context, t Task, src *source, o Options) (*Spec, error) {
	run, err := describe(t, src, o)
	if err != nil {
		return nil, err
	}
	spec := &Spec{
		Name:             t.Name,
		Image:            run.image,
		ForcePull:        run.forcePull,
		Files:            run.files,
		SandboxDirectory: t.SandboxDirectory,
		SandboxPaths:     run.sandboxPaths,
		MountSources:     run.mountSources,
		Parameters:       texts(src.container.Docker.Parameters, func(p mesos.Parameter) string { return p.Key }),
	}
	if labels, ok := plainLabels(run.parameters); ok && run.plainNetwork() {
		spec.Config, spec.HostConfig, spec.Networking = run.typed(labels)
	} else {
		result, err := run.parse(ctx, o.Parameters)
		if err != nil {
			return nil, err
		}
		spec.Config, spec.HostConfig = result.Config, result.HostConfig
		spec.Networking, spec.Platform = result.Networking, result.Platform
	}
	if err := run.amend(spec, o); err != nil {
		return nil, err
	}
	if err := spec.checkFileTargets(); err != nil {
		return nil, err
	}
	if err := spec.checkSize(); err != nil {
		return nil, err
	}
	return spec, nil
}

// describe collects the option list of a task, in the order in which stock checks it, so that of several mistakes the same
// one is reported.
func describe(t Task, src *source, o Options) (*runOptions, error) {
	docker := src.container.Docker
	run := &runOptions{
		privileged: docker.GetPrivileged(),
		image:      docker.Image,
		forcePull:  docker.GetForcePullImage(),
	}
	steps := []func() error{
		func() error { run.takeParameters(docker.Parameters); return nil },
		func() error { return run.describeResources(t.Info, o) },
		func() error { return run.describeEnvironment(t, src) },
		func() error { return run.describeVolumes(t, src.container) },
		func() error { return run.describeNetwork(src.container, o.CNI) },
		func() error { return run.describeHostname(src.container) },
		func() error { return run.describePorts(docker, resourcesOf(t.Info)) },
		func() error { return run.describeNetworkInfoPorts(src.container, resourcesOf(t.Info), o.CNI) },
		func() error { run.describeDNS(src.container, o); return nil },
		func() error { return run.describeCommand(src, o) },
		func() error { return run.checkParameters(t.SandboxDirectory) },
		func() error { return run.checkImage() },
		func() error { return run.describeGPUs(t.Info) },
		func() error { return run.describeLimits(src.container) },
		func() error { return run.checkFiles(o) },
		func() error { return run.checkText() },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return run, nil
}
