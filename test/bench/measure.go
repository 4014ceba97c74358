package main

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/localagent"
)

// settle lets executors finish attaching to the daemon, and the machine come to rest, before a clock starts.
const settle = 100 * time.Millisecond

// reached waits for a task's state, or for its end, and returns when that was and the update.
func reached(ctx context.Context, task *localagent.Task, want mesos.TaskState) (time.Time, mesos.TaskStatus, error) {
	for status := range task.Updates(ctx) {
		now := time.Now()
		switch status.GetState() {
		case want:
			return now, status, nil
		case mesos.TASK_FAILED, mesos.TASK_FINISHED, mesos.TASK_KILLED, mesos.TASK_LOST, mesos.TASK_GONE, mesos.TASK_DROPPED:
			return now, status, fmt.Errorf("task %s: %v instead of %v: %s", task.ID, status.GetState(), want, status.GetMessage())
		}
	}
	return time.Time{}, mesos.TaskStatus{}, fmt.Errorf("task %s: no %v", task.ID, want)
}

// subscribeAll starts an executor for each task and returns when all have subscribed, with the launches held back.
func (h *host) subscribeAll(ctx context.Context, tasks []mesos.TaskInfo) ([]*localagent.Task, time.Duration, error) {
	h.agent.HoldLaunches(true)
	before := h.agent.Subscribed()
	started := time.Now()
	var launched []*localagent.Task
	for _, info := range tasks {
		task, err := h.start(info)
		if err != nil {
			return nil, 0, err
		}
		launched = append(launched, task)
	}
	for h.agent.Subscribed() < before+len(tasks) {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		pause(ctx, 200*time.Microsecond)
	}
	took := time.Since(started)
	pause(ctx, settle)
	return launched, took, nil
}

// launch returns the time from the release of the launches to the last TASK_RUNNING.
func (h *host) launch(ctx context.Context, tasks []*localagent.Task) (time.Duration, error) {
	began := time.Now()
	h.agent.HoldLaunches(false)
	last := began
	for _, task := range tasks {
		at, _, err := reached(ctx, task, mesos.TASK_RUNNING)
		if err != nil {
			return 0, err
		}
		last = at
	}
	return last.Sub(began), nil
}

// end kills tasks and waits for their executors' end.
func (h *host) end(ctx context.Context, tasks []*localagent.Task) error {
	for _, task := range tasks {
		if err := h.agent.Kill(task.ID, nil); err != nil {
			return err
		}
	}
	for _, task := range tasks {
		if _, _, err := reached(ctx, task, mesos.TASK_KILLED); err != nil {
			return err
		}
		if _, err := task.WaitExecutor(ctx); err != nil {
			return err
		}
	}
	return nil
}

// bare makes the calls that nobody can do without, all specs at once, and returns how long that took.
func (h *host) bare(ctx context.Context, specs []*runspec.Spec) (ids []string, took time.Duration, err error) {
	ids = make([]string, len(specs))
	began := time.Now()
	var group multierror.Group
	for i, spec := range specs {
		group.Go(func() error {
			id, _, err := h.engine.Create(ctx, spec.Name, spec.Config, spec.HostConfig, spec.Networking, spec.Platform)
			if err != nil {
				return err
			}
			ids[i] = id
			if err := h.engine.Start(ctx, id); err != nil {
				return err
			}
			_, err = h.engine.Inspect(ctx, id)
			return err
		})
	}
	err = group.Wait().ErrorOrNil()
	return ids, time.Since(began), err
}

func (h *host) remove(ctx context.Context, ids []string) error {
	var group multierror.Group
	for _, id := range ids {
		group.Go(func() error { return h.engine.Remove(ctx, id) })
	}
	return group.Wait().ErrorOrNil()
}

func (h *host) tasks(n int, bridge bool) []mesos.TaskInfo {
	var tasks []mesos.TaskInfo
	for range n {
		tasks = append(tasks, h.task(bridge))
	}
	return tasks
}

func (h *host) specs(ctx context.Context, n int, bridge bool) ([]*runspec.Spec, error) {
	var specs []*runspec.Spec
	for _, task := range h.tasks(n, bridge) {
		spec, err := h.spec(ctx, task)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// launches measures rounds of n tasks at once, ours and bare in turn. while, if not nil, is called with the tasks running.
func (h *host) launches(ctx context.Context, rounds, n int, bridge bool, while func([]*localagent.Task) error) (s, starts samples, err error) {
	for range rounds {
		tasks, start, err := h.subscribeAll(ctx, h.tasks(n, bridge))
		if err != nil {
			return s, starts, err
		}
		ours, err := h.launch(ctx, tasks)
		if err == nil && while != nil {
			err = while(tasks)
		}
		if err != nil {
			return s, starts, err
		}
		if err := h.end(ctx, tasks); err != nil {
			return s, starts, err
		}
		specs, err := h.specs(ctx, n, bridge)
		if err != nil {
			return s, starts, err
		}
		pause(ctx, settle)
		ids, bare, err := h.bare(ctx, specs)
		if removeErr := h.remove(ctx, ids); err == nil {
			err = removeErr
		}
		if err != nil {
			return s, starts, err
		}
		s.add(ours, bare)
		starts.ours = append(starts.ours, start)
	}
	return s, starts, nil
}

// ending measures how a task ends: provoke is what starts the clock.
func (h *host) ending(ctx context.Context, rounds int, want mesos.TaskState,
	provoke func(*localagent.Task, int) error, bare func(id string, pid int) error) (samples, error) {
	var s samples
	for range rounds {
		tasks, _, err := h.subscribeAll(ctx, h.tasks(1, false))
		if err != nil {
			return s, err
		}
		h.agent.HoldLaunches(false)
		_, running, err := reached(ctx, tasks[0], mesos.TASK_RUNNING)
		if err != nil {
			return s, err
		}
		pid, err := containerPID(running.Data)
		if err != nil {
			return s, err
		}
		pause(ctx, settle)
		began := time.Now()
		if err := provoke(tasks[0], pid); err != nil {
			return s, err
		}
		at, _, err := reached(ctx, tasks[0], want)
		if err != nil {
			return s, err
		}
		if _, err := tasks[0].WaitExecutor(ctx); err != nil {
			return s, err
		}
		took, err := h.bareEnding(ctx, bare)
		if err != nil {
			return s, err
		}
		s.add(at.Sub(began), took)
	}
	return s, nil
}

func (h *host) bareEnding(ctx context.Context, end func(id string, pid int) error) (time.Duration, error) {
	specs, err := h.specs(ctx, 1, false)
	if err != nil {
		return 0, err
	}
	ids, _, err := h.bare(ctx, specs)
	defer h.remove(ctx, ids)
	if err != nil {
		return 0, err
	}
	c, err := h.engine.Inspect(ctx, ids[0])
	if err != nil {
		return 0, err
	}
	pause(ctx, settle)
	began := time.Now()
	err = end(ids[0], c.State.Pid)
	return time.Since(began), err
}

// containerPID reads the data of TASK_RUNNING.
func containerPID(data []byte) (int, error) {
	var inspect []struct{ State struct{ Pid int } }
	if err := json.Unmarshal(data, &inspect); err != nil || len(inspect) != 1 {
		return 0, fmt.Errorf("data of TASK_RUNNING is no inspect array: %w", err)
	}
	return inspect[0].State.Pid, nil
}

// exits measures from the death of the container's process.
func (h *host) exits(ctx context.Context, docker *client.Client, rounds int) (samples, error) {
	return h.ending(ctx, rounds, mesos.TASK_FAILED,
		func(_ *localagent.Task, pid int) error { return syscall.Kill(pid, syscall.SIGKILL) },
		func(id string, pid int) error {
			exited, failed := docker.ContainerWait(ctx, id, container.WaitConditionNotRunning)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return err
			}
			select {
			case <-exited:
				return nil
			case err := <-failed:
				return err
			}
		})
}

// kills measures from the kill.
func (h *host) kills(ctx context.Context, docker *client.Client, rounds int) (samples, error) {
	return h.ending(ctx, rounds, mesos.TASK_KILLED,
		func(task *localagent.Task, _ int) error { return h.agent.Kill(task.ID, nil) },
		func(id string, _ int) error { return docker.ContainerStop(ctx, id, container.StopOptions{}) })
}
