package run

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/internal/localagent"
)

// outputInterval bounds how late a line is shown.
const outputInterval = 50 * time.Millisecond

// task is one task being followed.
type task struct {
	name           string
	launched       *localagent.Task
	stdout, stderr tail

	running bool // it has been reported; guarded by runner.mu
	ended   bool // guarded by runner.mu
}

func newTask(name string, launched *localagent.Task) *task {
	return &task{
		name: name, launched: launched,
		stdout: tail{path: filepath.Join(launched.Sandbox, "stdout")},
		stderr: tail{path: filepath.Join(launched.Sandbox, "stderr"), stderr: true},
	}
}

// follow shows a task until its terminal update, or until the agent is closed.
func (r *runner) follow(ctx context.Context, t *task) {
	watching, stop := context.WithCancel(ctx)
	var output sync.WaitGroup
	output.Go(func() { r.watchOutput(watching, t) })
	drain := sync.OnceFunc(func() {
		stop()
		output.Wait()
		r.showOutput(t)
		r.finishOutput(t)
	})
	defer drain()
	for status := range t.launched.Updates(ctx) {
		if isTerminal(status.GetState()) {
			drain()
		}
		r.showStatus(t, status)
	}
	r.mu.Lock()
	lost := !t.ended
	if lost {
		t.ended = true
		r.result.Lost++
	}
	r.mu.Unlock()
	if lost {
		drain()
		r.Notice(t.name + " was destroyed; how it ended is not known")
	}
	r.note()
}

// watchOutput shows lines as they come.
func (r *runner) watchOutput(ctx context.Context, t *task) {
	ticker := time.NewTicker(outputInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.showOutput(t)
		case <-ctx.Done():
			return
		}
	}
}

// showOutput shows the lines that are there.
func (r *runner) showOutput(t *task) {
	for _, tail := range []*tail{&t.stdout, &t.stderr} {
		if err := tail.lines(r.outputOf(t, tail.stderr)); err != nil && !tail.failed {
			tail.failed = true
			r.Logger.Warn("output cannot be shown", zap.String("task", t.launched.ID), zap.Error(err))
		}
	}
}

// finishOutput shows what has no newline at its end, and closes the files.
func (r *runner) finishOutput(t *task) {
	for _, tail := range []*tail{&t.stdout, &t.stderr} {
		tail.rest(r.outputOf(t, tail.stderr))
		if err := tail.close(); err != nil {
			r.Logger.Debug("close output", zap.Error(err))
		}
	}
}

func (r *runner) outputOf(t *task, stderr bool) func(line []byte, partial bool) {
	return func(line []byte, partial bool) {
		e := t.event(time.Now())
		e.Output = &Output{Stderr: stderr, Line: line, Partial: partial}
		r.Display.Show(e)
	}
}

// showStatus shows an update and what can be told from it.
func (r *runner) showStatus(t *task, status mesos.TaskStatus) {
	e := t.event(time.Unix(0, int64(status.GetTimestamp()*float64(time.Second))))
	state := status.GetState()
	if progress, ok := progressOf(&status); ok {
		e.Progress = &progress
		r.Display.Show(e)
		return
	}
	e.Status = &Status{State: state, Message: status.GetMessage(), Healthy: status.Healthy, Check: checkOf(status.CheckStatus)}
	if status.Reason != nil {
		e.Status.Reason = status.Reason.String()
	}
	if status.Source != nil {
		e.Status.Source = status.Source.String()
	}
	r.Display.Show(e)
	r.mu.Lock()
	first := state == mesos.TASK_RUNNING && !t.running
	t.running = t.running || first
	if isTerminal(state) {
		t.ended = true
		r.result.Finished[state]++
	}
	r.mu.Unlock()
	if first {
		ports := portsOf(&t.launched.Info, &status)
		e.Status, e.Ports = nil, &ports
		r.Display.Show(e)
	}
	r.note()
}

func (t *task) event(at time.Time) Event {
	return Event{Time: at, Name: t.name, Task: t.launched.ID}
}

// progressOf reads the figures of a pull, which TASK_STARTING carries in its data on the local route.
func progressOf(status *mesos.TaskStatus) (Progress, bool) {
	p := Progress{Message: status.GetMessage()}
	if status.GetState() != mesos.TASK_STARTING || len(status.Data) == 0 {
		return p, false
	}
	return p, json.Unmarshal(status.Data, &p) == nil && p.Reference != ""
}

// isTerminal says that nothing follows a state on the local agent.
func isTerminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_KILLING:
		return false
	}
	return true
}

const shell = "/bin/sh"

// program is what is started for a task, with its arguments. A task that names its executor gets that one, started as an agent's
// Mesos containerizer would, in the sandbox and with the executor's environment: by the shell, or with its arguments as they are.
// Ours are added behind, since it must find the daemon of this run and not the host's. In the line that Marathon makes the last
// command is the executor, so there they become its arguments; a line that ends otherwise cannot be run here.
func program(info *mesos.ExecutorInfo, own string, args []string) (path string, arguments []string) {
	command := info.GetCommand()
	if command.GetValue() == "" {
		return own, args
	}
	if command.GetShell() {
		line := command.GetValue()
		for _, arg := range args {
			line += " " + quote(arg)
		}
		return shell, []string{"-c", line}
	}
	// The shell looks for a program without a slash on the PATH of the executor, as an agent does. The first argument is the
	// program's own name.
	if len(command.Arguments) > 1 {
		args = slices.Concat(command.Arguments[1:], args)
	}
	return shell, append([]string{"-c", `exec "$0" "$@"`, command.GetValue()}, args...)
}

// quote makes one word of a text for the shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
