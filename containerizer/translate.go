package containerizer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// translate turns the launch into a run spec with our labels on it.
func (s *session) translate(ctx context.Context) (*runspec.Spec, error) {
	if s.server.options.Refusal != "" {
		return nil, errors.New(s.server.options.Refusal)
	}
	if info, err := os.Stat(s.attach.Sandbox); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the task's sandbox %s is not there", s.attach.Sandbox)
	}
	if s.info.err != nil {
		return nil, s.info.err
	}
	var info engine.Info
	if err := s.container.Insist(ctx, func(ctx context.Context) (err error) {
		info, err = s.server.engineInfo(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	var err error
	if s.networks.request, err = s.chooseNetworks(ctx); err != nil {
		return nil, err
	}
	options := runspec.Options{
		CNI:                 s.networks.request != nil,
		CgroupsEnableCFS:    s.server.options.CgroupsEnableCFS,
		DefaultContainerDNS: s.server.options.DefaultContainerDNS,
		EngineAPI:           info.APIVersion,
		HostMemory:          uint64(max(0, info.MemoryBytes)),
		LogDriver:           s.server.options.LogDriver,
		LogOpts:             s.server.options.LogOpts,
		HonorCommandUser:    s.server.options.HonorCommandUser,
		CopiesFiles:         true, // see deliverFiles
		Parameters:          s.server.options.Parameters,
	}
	if err := s.heedAgent(&options); err != nil {
		return nil, err
	}
	spec, err := runspec.Translate(ctx, s.describe(), options)
	if err != nil {
		return nil, err
	}
	if err := s.suitUserns(spec, info.Userns); err != nil {
		return nil, err
	}
	if err := s.networks.plan(spec); err != nil {
		return nil, err
	}
	if err := s.findParent(info); err != nil {
		return nil, err
	}
	s.label(spec)
	return spec, nil
}

// label puts our labels on a spec.
func (s *session) label(spec *runspec.Spec) {
	labels := engine.Labels{
		Instance: s.server.instance.id, Name: s.name,
		Framework: s.attach.Framework, Executor: s.attach.Executor, Task: s.task,
		Route: string(s.attach.Route), Sandbox: s.attach.Sandbox, StopGrace: s.stopGrace,
		ExecutorPID: s.executor.PID, ExecutorStartTime: s.executor.StartTime, BootID: s.executor.BootID,
	}
	if spec.Config.Labels == nil {
		spec.Config.Labels = map[string]string{}
	}
	for key, value := range labels.Map() {
		spec.Config.Labels[key] = value
	}
}

// describe puts together what the executor has said of its task.
func (s *session) describe() runspec.Task {
	return runspec.Task{
		Info:             s.info.task,
		Executor:         s.info.executor,
		Name:             s.name,
		SandboxDirectory: s.attach.Sandbox,
		MappedDirectory:  cmp.Or(s.attach.MappedDirectory, s.server.options.MappedDirectory),
		Environment:      s.attach.TaskEnvironment,
	}
}

// decodeLaunch decodes what was launched.
func decodeLaunch(launch wire.Launch) (info taskInfo) {
	if err := decode(launch.TaskInfo, info.task.Unmarshal); err != nil {
		return taskInfo{err: fmt.Errorf("TaskInfo cannot be decoded: %w", err)}
	}
	if len(launch.ExecutorInfo) > 0 {
		info.executor = &mesos.ExecutorInfo{}
		if err := decode(launch.ExecutorInfo, info.executor.Unmarshal); err != nil {
			return taskInfo{err: fmt.Errorf("ExecutorInfo cannot be decoded: %w", err)}
		}
	}
	return info
}

// decode guards the daemon against mesos-go's generated decoders, which panic on some hostile lengths.
func decode(message []byte, unmarshal func([]byte) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed message: %v", r)
		}
	}()
	return unmarshal(message)
}
