package faults

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/goleak"

	"mesos-docker-containerizer/test/environment"
)

var (
	minutes = flag.Float64("minutes", 0, "how long a campaign lasts; 0 is a few rounds")
	seed    = flag.Uint64("seed", 0, "what all schedules follow from; 0 is one of the day's, but for a few rounds always the same")
	first   = flag.Int("round", 0, "the first round, to run one again")
)

// Of a short campaign, whose rounds are always the same: a part of all tests must not find by chance what a change has not done.
const (
	shortRounds = 4
	shortSeed   = 7
	tasksAtOnce = 5
	faultsEach  = 4
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestFaults(t *testing.T) {
	environment.Exclusive(t, "faults")
	chooseSeed()
	t.Logf("seed %d", *seed)
	h := newHost(t)
	until := time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	number, over := *first, true
	for ; over && (*minutes == 0 && number < *first+shortRounds || time.Now().Before(until)); number++ {
		over = false // unless the round comes to its end, whatever it found
		t.Run(fmt.Sprintf("round=%d", number), func(t *testing.T) {
			h.round(t, number, draw(*seed, number, tasksAtOnce, faultsEach))
			over = true
			if t.Failed() {
				t.Logf("run it again with -seed=%d -round=%d", *seed, number)
			}
		})
	}
	t.Logf("%d rounds with %d tasks and %d faults each, seed %d", number-*first, tasksAtOnce, faultsEach, *seed)
}

// chooseSeed sets the seed if none was given.
func chooseSeed() {
	switch {
	case *seed != 0:
	case *minutes == 0:
		*seed = shortSeed
	default:
		*seed = uint64(time.Now().Unix())
	}
}

// round runs a schedule, and returns when all of it is over and has been checked.
func (h *host) round(t *testing.T, number int, s schedule) {
	t.Helper()
	t.Logf("round %d\n%s", number, s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var (
		mu    sync.Mutex
		tasks []*task
		all   sync.WaitGroup
	)
	happened := map[fault]bool{}
	began := time.Now()
	all.Go(func() {
		for i, w := range s.works {
			sleep(ctx, w.after-time.Since(began))
			k := h.launch(t, i, w)
			mu.Lock()
			tasks = append(tasks, k)
			mu.Unlock()
			if w.kill > 0 {
				over, done := context.WithCancel(ctx)
				all.Go(func() { defer done(); k.Wait(ctx) })
				all.Go(func() {
					sleep(over, w.kill)
					k.kill(over, h)
				})
			}
		}
	})
	for _, e := range s.events {
		sleep(ctx, e.after)
		mu.Lock()
		launched := tasks
		mu.Unlock()
		happened[e.fault] = true
		h.apply(t, e, launched)
	}
	all.Wait()
	for _, k := range tasks {
		h.finish(t, k, happened)
	}
	h.checkNothingLeft(t)
	if t.Failed() {
		t.Logf("the daemon's log ends:\n%s", h.tail("daemon.log"))
	}
}

// finish waits until all of a task is over, and judges it.
func (h *host) finish(t *testing.T, k *task, happened map[fault]bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	last, err := k.Wait(ctx)
	if err != nil {
		t.Errorf("task %d (%+v) does not end: %v\nthe daemon's log ends:\n%s\nthe executor's:\n%.3000s", k.number, k.work, err, h.tail("daemon.log"), k.read("stderr"))
		return
	}
	if last.GetState() == mesos.TASK_DROPPED {
		// Else it ends when no task has come for minutes. An agent that recovers refuses.
		h.eventually(t, "the agent to shut an executor down", func() bool { return h.agent.Shutdown(k.ID) == nil })
	}
	if _, err := k.WaitExecutor(ctx); err != nil {
		t.Errorf("the executor of task %d does not end: %v", k.number, err)
	}
	if k.work.reader == slowReader && k.has("wrote") {
		h.eventually(t, "the slow reader to be done", func() bool { return k.has("read") })
	}
	var updates []mesos.TaskStatus
	for status := range k.Updates(ctx) {
		updates = append(updates, status)
	}
	k.check(t, updates, happened, h.away)
	if id := containerID(updates); id != "" {
		h.eventually(t, "the cgroups of task "+k.ID+" to be gone", func() bool {
			left, _ := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(h.directory) + "/" + id)
			more, _ := filepath.Glob("/sys/fs/cgroup/" + filepath.Base(h.directory) + "/" + id)
			return !slices.ContainsFunc(append(left, more...), func(group string) bool {
				// A containerd that dies over the end of a container leaves its groups, without a process.
				processes, err := os.ReadFile(group + "/cgroup.procs")
				return !happened[killContainerd] || err == nil && len(processes) > 0
			})
		})
	}
}

// checkNothingLeft waits until no container and no process of a task is there.
func (h *host) checkNothingLeft(t *testing.T) {
	t.Helper()
	h.eventually(t, "all containers to be removed", func() bool {
		all, err := h.docker.ContainerList(t.Context(), container.ListOptions{All: true})
		return err == nil && len(all) == 0
	})
	h.eventually(t, "all processes of tasks to be gone", func() bool {
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range files {
			if environ, err := os.ReadFile(file); err == nil && bytes.Contains(environ, []byte(mark+"=")) {
				return false
			}
		}
		return true
	})
}
