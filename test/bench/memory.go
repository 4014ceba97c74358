package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// memorySettle is how long after a burst memory is measured: the daemon gives back what that took when it has had nothing to do
// for some seconds.
const memorySettle = 30 * time.Second

// pss is environment.PSS in MB.
func pss(pid int) (float64, error) {
	kB, err := environment.PSS(pid)
	return float64(kB) / 1024, err
}

// executorPSS is the mean over the tasks' executors.
func executorPSS(tasks []*localagent.Task) (float64, error) {
	sum := 0.0
	for _, task := range tasks {
		pid, err := task.ExecutorProcess()
		if err != nil {
			return 0, err
		}
		one, err := pss(pid)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum / float64(len(tasks)), nil
}

// pssAt is the memory of a process at a moment, in MB.
type pssAt struct {
	at time.Time
	mb float64
}

// watchPSS looks at the memory of a process ten times a second until the function returned is called, which returns what was seen.
func watchPSS(ctx context.Context, pid int) func() []pssAt {
	watching, stop := context.WithCancel(ctx)
	var seen []pssAt
	var watch sync.WaitGroup
	watch.Go(func() {
		for watching.Err() == nil {
			if mb, err := pss(pid); err == nil {
				seen = append(seen, pssAt{time.Now(), mb})
			}
			pause(watching, 100*time.Millisecond)
		}
	})
	return func() []pssAt {
		stop()
		watch.Wait()
		return seen
	}
}

func peak(seen []pssAt) (mb float64) {
	for _, s := range seen {
		mb = max(mb, s.mb)
	}
	return mb
}

// giveBackTime is how long after a burst the daemon may take to give its memory back.
const giveBackTime = time.Minute

// crowdFigures are the daemon's memory with many tasks: at most while they are launched at once, at rest after giveBackTime, and how long
// after the last TASK_RUNNING it was last more than a tenth above that.
func (b *bench) crowdFigures(ctx context.Context, h *host) error {
	if b.crowd == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "the daemon's memory with %d tasks launched at once\n", b.crowd)
	tasks, _, err := h.subscribeAll(ctx, h.tasks(b.crowd, false))
	if err != nil {
		return err
	}
	seen := watchPSS(ctx, h.daemon.Process.Pid)
	took, err := h.launch(ctx, tasks)
	running := time.Now()
	if err == nil {
		pause(ctx, giveBackTime)
	}
	all := seen()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("the memory of the daemon was never seen")
	}
	rest := all[len(all)-1].mb
	back := 0.0
	if last := lastAbove(all, 1.1*rest); last.After(running) {
		back = last.Sub(running).Seconds()
	}
	b.figures = append(b.figures,
		figure{Name: fmt.Sprintf("launch_par%d_host", b.crowd), Value: milliseconds(took), Unit: "ms"},
		figure{Name: fmt.Sprintf("daemon_peak_%d", b.crowd), Value: peak(all), Unit: "MB", goal: "60"},
		figure{Name: fmt.Sprintf("daemon_pss_%d", b.crowd), Value: rest, Unit: "MB", goal: "35"},
		figure{Name: fmt.Sprintf("daemon_back_%d", b.crowd), Value: back, Unit: "s", goal: "60"})
	return h.end(ctx, tasks)
}

// lastAbove is when the memory was last above a limit in MB; the zero time if it never was.
func lastAbove(seen []pssAt, limit float64) (at time.Time) {
	for _, s := range slices.Backward(seen) {
		if s.mb > limit {
			return s.at
		}
	}
	return at
}
