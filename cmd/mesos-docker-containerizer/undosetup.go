package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/setup"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// undoSetup takes everything back.
func undoSetup(t terminal, c *config.Config, f setupFlags) error {
	docker, err := engine.New(engine.Options{Socket: c.DockerSocket})
	if err != nil {
		return withStatus(exitUsage, err)
	}
	defer docker.Close()
	directories := config.AgentDirectories()
	if f.directory != "" {
		directories = []string{f.directory}
	}
	seen, _ := askAgent(c, f.agent, (*liveagent.Agent).Look) // without it, what its process was started with still tells
	ctx, cancel := context.WithTimeout(context.Background(), 2*lookTimeout)
	defer cancel()
	report, err := setup.Undo(ctx, setup.UndoOptions{
		Overlay: f.overlay, Force: f.force, LauncherDir: seen.Flags["launcher_dir"], Directories: directories,
		Sources: []setup.Source{
			{Name: "the daemon", Tasks: func(context.Context) ([]string, error) { return dropInTasks(c) }},
			{Name: "the Docker Engine", Tasks: func(ctx context.Context) ([]string, error) { return dropInContainers(ctx, docker, f.overlay) }},
		},
	})
	for _, line := range report.Lines {
		fmt.Fprintln(t.stdout, line)
	}
	switch {
	case errors.Is(err, setup.ErrNothingToUndo):
		return withStatus(exitUsage, err)
	case err != nil:
		return err
	}
	fmt.Fprintln(t.stdout, "Now restart the agent; the daemon serves running tasks until they end.")
	return nil
}

// dropInTasks asks the daemon.
func dropInTasks(c *config.Config) ([]string, error) {
	reports, err := askTasks(c, lookTimeout)
	if err != nil {
		return nil, err
	}
	var tasks []string
	for _, r := range reports {
		if r.Route == string(wire.RouteDropIn) {
			tasks = append(tasks, r.Task)
		}
	}
	return tasks, nil
}

// dropInContainers asks the Engine for the tasks of containers that have not ended, as far as their executors were started by an
// agent that uses this setup: other daemons may use the Engine, too.
func dropInContainers(ctx context.Context, docker *engine.Client, folder string) ([]string, error) {
	list, err := docker.List(ctx, engine.LabelPrefix+"route="+string(wire.RouteDropIn))
	if err != nil {
		return nil, err
	}
	var tasks []string
	for _, c := range list {
		labels, _ := engine.ParseLabels(c.Labels) // damaged ones name their task all the same
		if c.State == container.StateExited || c.State == container.StateDead {
			continue
		}
		if labels.ExecutorPID == 0 || setup.StartedFrom(labels.ExecutorPID, folder) {
			tasks = append(tasks, labels.Task)
		}
	}
	return tasks, nil
}
