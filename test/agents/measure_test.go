package agents

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// measure takes the figures of one route: n launches and kills one after the other, and together at once.
func (r *run) measure(n, together int) (f figures, err error) {
	if _, _, err := r.launches(2, bridged); err != nil { // programs and image into the page cache
		return f, err
	}
	seen := r.watchEngine()
	var kills []time.Duration
	var tasks []mesos.TaskInfo
	if f.host, tasks, err = r.launchesKilled(n, false, &kills); err != nil {
		return f, err
	}
	containers := seen()
	f.kill = median(kills)
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
	if f.bridge, _, err = r.launchesKilled(n, true, &kills); err != nil {
		return f, err
	}
	return f, r.atOnce(together, &f)
}

// launches is a warm-up.
func (r *run) launches(n int, network func(host, container uint32) func(*mesos.TaskInfo)) (time.Duration, []mesos.TaskInfo, error) {
	var kills []time.Duration
	return r.launchesKilled(n, network != nil, &kills)
}

// launchesKilled launches and kills tasks one after the other, and gives the median time from the launch to TASK_RUNNING.
func (r *run) launchesKilled(n int, bridge bool, kills *[]time.Duration) (time.Duration, []mesos.TaskInfo, error) {
	var times []time.Duration
	var tasks []mesos.TaskInfo
	for range n {
		task := r.task(r.image, waits)
		if bridge {
			task = r.task(r.image, waits, bridged(r.port(), 80))
		}
		asked, err := r.launch(task)
		if err != nil {
			return 0, nil, err
		}
		running, err := r.awaitState(task, mesos.TASK_RUNNING)
		if err != nil {
			return 0, nil, err
		}
		times, tasks = append(times, running.at.Sub(asked)), append(tasks, task)
		if asked, err = r.kill(task, -1); err != nil {
			return 0, nil, err
		}
		end, err := r.awaitEnd(task)
		if err != nil {
			return 0, nil, err
		}
		*kills = append(*kills, end.at.Sub(asked))
	}
	return median(times), tasks, nil
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
	var sum float64
	for _, task := range tasks {
		pids, err := r.executors(task)
		if err != nil {
			return err
		}
		for _, pid := range pids {
			sum += pss(pid)
		}
	}
	f.memory = sum / float64(n)
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

// pss is the memory of a process in MB, what it shares divided by those it shares it with.
func pss(pid int) float64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kb float64
		if _, err := fmt.Sscanf(lines.Text(), "Pss: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
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
				for key, task := range m.Actor.Attributes {
					if key != "MESOS_TASK_ID" && !strings.HasSuffix(key, "containerizer.task") {
						continue
					}
					if found[task] == nil {
						found[task] = map[string]time.Time{}
					}
					found[task][map[events.Action]string{events.ActionCreate: created, events.ActionStart: began}[m.Action]] = time.Unix(0, m.TimeNano)
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
