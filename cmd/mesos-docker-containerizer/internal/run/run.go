// Package run launches tasks on a local agent and shows them until the last has ended.
//
// Run is the entry. It follows each task in a goroutine (task.go): status updates from the agent, output from the files in the
// sandbox (tail.go), and hands both to a Display: Text for people (text.go, table.go), JSON for programs (json.go). A signal
// kills the tasks by their own kill policies, a second one at once, a third destroys their executors (kill.go).
//
// Caveats. The order of lines between stdout and stderr is not known, as they are two files. Every line of a task is shown
// before its terminal status; what its executor logs after that stays in the sandbox.
package run

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/input"
	"mesos-docker-containerizer/internal/localagent"
)

// Options of a run.
type Options struct {
	Agent    *localagent.Agent
	Executor string   // path of the executor's program, for tasks that name none
	Args     []string // arguments for any executor: where its daemon is
	Tasks    []input.Task

	// For, if it is more than zero, is how long all tasks run before they are killed.
	For time.Duration

	// Interrupts asks for the end, each time more firmly.
	Interrupts <-chan os.Signal

	Display Display
	Notice  func(text string) // for people, beside the Display
	Logger  *zap.Logger
}

// Result is how the tasks ended.
type Result struct {
	Asked    bool                    // for the tasks' end, by a signal or by For
	Finished map[mesos.TaskState]int // how many tasks ended in a state
	Lost     int                     // tasks of whose end nothing is known: their executors were destroyed
}

// Good says that every task ended as it should: by itself and well, or killed because that was asked for.
func (r Result) Good() bool {
	bad := r.Lost
	for state, n := range r.Finished {
		if state != mesos.TASK_FINISHED && !(state == mesos.TASK_KILLED && r.Asked) {
			bad += n
		}
	}
	return bad == 0
}

// runner is the state of one Run.
type runner struct {
	Options
	tasks   []*task
	changed chan struct{} // buffered: a task runs or has ended

	mu     sync.Mutex // guards result and what tasks say about themselves
	result Result
}

// Run launches the tasks and returns when all have ended and their executors are gone. It closes the agent. An error says that
// not all could be launched; those that were have ended then too.
func Run(ctx context.Context, o Options) (Result, error) {
	r := &runner{Options: o, changed: make(chan struct{}, 1), result: Result{Finished: map[mesos.TaskState]int{}}}
	launchErr := r.launch()
	var followers, killer sync.WaitGroup
	for _, t := range r.tasks {
		followers.Go(func() { r.follow(ctx, t) })
	}
	killing, stop := context.WithCancel(ctx)
	killer.Go(func() { r.end(killing, launchErr != nil) })
	followers.Wait()
	stop()
	killer.Wait()
	r.awaitExecutors(ctx)
	if err := o.Agent.Close(); err != nil {
		o.Logger.Warn("the local agent does not close", zap.Error(err))
	}
	return r.result, launchErr
}

// launch starts tasks in order and stops at the first that cannot be.
func (r *runner) launch() error {
	for _, t := range r.Tasks {
		path, args := program(t.Info.Executor, r.Executor, r.Args)
		launched, err := r.Agent.Launch(localagent.LaunchRequest{Task: t.Info, Path: path, Args: args})
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		r.tasks = append(r.tasks, newTask(t.Name, launched))
	}
	return nil
}

// executorPatience is how long an executor may take to end after its task's terminal update. It has nothing left to do.
const executorPatience = 10 * time.Second

func (r *runner) awaitExecutors(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, executorPatience)
	defer cancel()
	for _, t := range r.tasks {
		if _, err := t.launched.WaitExecutor(ctx); err != nil {
			r.Logger.Warn("an executor does not end and is destroyed", zap.String("task", t.launched.ID), zap.Error(err))
		}
	}
}

// note says that something about a task has changed.
func (r *runner) note() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
