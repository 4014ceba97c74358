package agents

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/test/environment"
)

// measure takes the figures of one route: n launches and kills one after the other, and together at once.
func (r *run) measure(n, together int) (f figures, err error) {
	if _, err := r.launchesKilled(2, true); err != nil { // programs and image into the page cache
		return f, err
	}
	seen := r.watchEngine()
	onHost, err := r.launchesKilled(n, false)
	if err != nil {
		return f, err
	}
	containers := seen()
	log, err := os.ReadFile(r.log("agent"))
	if err != nil {
		return f, err
	}
	var steps []map[string]time.Time
	for _, of := range onHost {
		maps.Copy(of.steps, stepsOf(string(log), of.id, time.Now()))
		maps.Copy(of.steps, containers[of.container])
		steps = append(steps, of.steps)
	}
	bridged, err := r.launchesKilled(n, true)
	if err != nil {
		return f, err
	}
	f.host, f.bridge = medianOf(onHost, taskTimes.toRunning), medianOf(bridged, taskTimes.toRunning)
	f.kill, f.launching, f.killing = medianOf(onHost, taskTimes.toKilled), waterfall(launchSteps, steps), waterfall(killSteps, steps)
	err = r.atOnce(together, &f)
	return f, err
}

// taskTimes is when a task that was launched and killed has reached what the framework and the kernel tell.
type taskTimes struct {
	id        string
	container string    // the Engine's id
	launched  time.Time // when the framework asked for it
	running   time.Time
	steps     map[string]time.Time
}

func (t taskTimes) toRunning() time.Duration { return t.running.Sub(t.launched) }
func (t taskTimes) toKilled() time.Duration  { return t.steps[heard].Sub(t.steps[killAsked]) }

func medianOf(tasks []taskTimes, of func(taskTimes) time.Duration) time.Duration {
	var all []time.Duration
	for _, t := range tasks {
		all = append(all, of(t))
	}
	return median(all)
}

// launchesKilled launches and kills tasks one after the other.
func (r *run) launchesKilled(n int, bridge bool) (all []taskTimes, err error) {
	for range n {
		task := r.task(r.image, waits)
		if bridge {
			task = r.task(r.image, waits, bridged(r.port(), 80))
		}
		one, err := r.launchKilled(task)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (r *run) launchKilled(task mesos.TaskInfo) (t taskTimes, err error) {
	t = taskTimes{id: task.TaskID.Value, steps: map[string]time.Time{}}
	if t.launched, err = r.launch(task); err != nil {
		return t, err
	}
	up, err := r.awaitState(task, mesos.TASK_RUNNING)
	if err != nil {
		return t, err
	}
	t.running = up.at
	of, ok := r.runs(task)
	if !ok {
		return t, fmt.Errorf("the container of %s does not run", t.id)
	}
	t.container = of.ID
	processEnd, err := r.watchProcess(of.ID)
	if err != nil {
		return t, err
	}
	if t.steps[killAsked], err = r.kill(task, -1); err != nil {
		return t, err
	}
	end, err := r.awaitEnd(task)
	if err != nil {
		return t, err
	}
	t.steps[heard] = end.at
	t.steps[gone], err = processEnd()
	return t, err
}

// watchProcess waits for the end of a container's first process. The answer says when that was.
func (r *run) watchProcess(container string) (func() (time.Time, error), error) {
	inspect, err := r.docker.ContainerInspect(context.Background(), container)
	if err != nil {
		return nil, err
	}
	process, err := pidfd.OpenContainer(inspect.State.Pid, container)
	if err != nil {
		return nil, err
	}
	var at time.Time
	var group sync.WaitGroup
	group.Go(func() {
		defer process.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err = process.Wait(ctx); err == nil {
			at = time.Now()
		}
	})
	return func() (time.Time, error) {
		group.Wait()
		return at, err
	}, nil
}

// atOnce launches many tasks with one call, and weighs their executors.
func (r *run) atOnce(n int, f *figures) error {
	var tasks []mesos.TaskInfo
	for range n {
		tasks = append(tasks, r.task(r.image, waits))
	}
	asked, err := r.launch(tasks...)
	if err != nil {
		return err
	}
	var last time.Time
	for _, task := range tasks {
		u, err := r.awaitState(task, mesos.TASK_RUNNING)
		if err != nil {
			return err
		}
		if u.at.After(last) {
			last = u.at
		}
	}
	f.together = last.Sub(asked)
	sum := 0
	for _, task := range tasks {
		pids, err := r.executors(task)
		if err != nil {
			return err
		}
		for _, pid := range pids {
			kB, err := environment.PSS(pid)
			if err != nil {
				return err
			}
			sum += kB
		}
	}
	f.memory = float64(sum) / 1024 / float64(n)
	for _, task := range tasks {
		if _, err := r.kill(task, -1); err != nil {
			return err
		}
	}
	for _, task := range tasks {
		if _, err := r.awaitEnd(task); err != nil {
			return err
		}
	}
	return nil
}

// watchEngine notes when the Engine first tells of the steps of each container. The answer, by container and step, ends the watch.
func (r *run) watchEngine() func() map[string]map[string]time.Time {
	ctx, cancel := context.WithCancel(context.Background())
	messages, failures := r.docker.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "container"))})
	found := map[string]map[string]time.Time{}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case m := <-messages:
				of := found[m.Actor.ID]
				if of == nil {
					of = map[string]time.Time{}
					found[m.Actor.ID] = of
				}
				if step, known := engineEvents[m.Action]; known && of[step].IsZero() {
					of[step] = time.Unix(0, m.TimeNano)
				}
			case <-failures:
				return
			}
		}
	})
	return func() map[string]map[string]time.Time {
		cancel()
		group.Wait()
		return found
	}
}
