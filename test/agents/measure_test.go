package agents

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
)

// measure takes the figures of one route: n launches and kills one after the other, and together at once.
func (r *run) measure(n, together int) (f figures, err error) {
	if _, _, _, err := r.launchesKilled(2, true); err != nil { // programs and image into the page cache
		return f, err
	}
	seen := r.watchEngine()
	var tasks []mesos.TaskInfo
	if f.host, f.kill, tasks, err = r.launchesKilled(n, false); err != nil {
		return f, err
	}
	containers := seen()
	log, err := os.ReadFile(r.log("agent"))
	if err != nil {
		return f, err
	}
	var steps []map[string]time.Time
	for _, task := range tasks {
		of := stepsOf(string(log), task.TaskID.Value, time.Now())
		for step, at := range containers[task.TaskID.Value] {
			of[step] = at
		}
		steps = append(steps, of)
	}
	f.waterfall = waterfall(steps)
	if f.bridge, _, _, err = r.launchesKilled(n, true); err != nil {
		return f, err
	}
	err = r.atOnce(together, &f)
	return f, err
}

// launchesKilled launches and kills tasks one after the other, and gives the median times from the launch to TASK_RUNNING, and from
// the kill to the end.
func (r *run) launchesKilled(n int, bridge bool) (launch, kill time.Duration, tasks []mesos.TaskInfo, err error) {
	var launches, kills []time.Duration
	for range n {
		task := r.task(r.image, waits)
		if bridge {
			task = r.task(r.image, waits, bridged(r.port(), 80))
		}
		asked, err := r.launch(task)
		if err != nil {
			return 0, 0, nil, err
		}
		running, err := r.awaitState(task, mesos.TASK_RUNNING)
		if err != nil {
			return 0, 0, nil, err
		}
		launches, tasks = append(launches, running.at.Sub(asked)), append(tasks, task)
		if asked, err = r.kill(task, -1); err != nil {
			return 0, 0, nil, err
		}
		end, err := r.awaitEnd(task)
		if err != nil {
			return 0, 0, nil, err
		}
		kills = append(kills, end.at.Sub(asked))
	}
	return median(launches), median(kills), tasks, nil
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

// watchEngine notes when containers of tasks are created and started. The answer, by task and step, ends the watch.
func (r *run) watchEngine() func() map[string]map[string]time.Time {
	ctx, cancel := context.WithCancel(context.Background())
	messages, failures := r.docker.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("event", "create"), filters.Arg("event", "start"))})
	found := map[string]map[string]time.Time{}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case m := <-messages:
				task := taskOf(m.Actor.Attributes)
				if found[task] == nil {
					found[task] = map[string]time.Time{}
				}
				found[task][map[events.Action]string{events.ActionCreate: created, events.ActionStart: began}[m.Action]] = time.Unix(0, m.TimeNano)
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
