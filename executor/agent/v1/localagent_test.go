package v1

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/internal/localagent"
)

// testExecutor as the first argument turns the test binary into an executor.
const testExecutor = "test-executor"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == testExecutor {
		if err := runTestExecutor(); err != nil {
			fmt.Fprintln(os.Stderr, "test executor:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// runTestExecutor is the smallest executor over this connection: a task runs from LAUNCH to KILL or SHUTDOWN.
func runTestExecutor() error {
	env, err := agent.FromEnviron(os.Getenv)
	if err != nil {
		return err
	}
	connection, err := New(env, zap.Must(zap.NewDevelopment()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	outbox, events, result := newOutbox(), make(chan *agent.Event), make(chan error, 1)
	go func() { result <- connection.Run(ctx, outbox, events) }()
	updates := 0
	report := func(task mesos.TaskID, state mesos.TaskState) {
		update := status(updates, state)
		update.TaskID = task
		updates++
		outbox.add(update)
	}
	var task mesos.TaskID
	var terminal bool
	for {
		select {
		case err := <-result:
			return err
		case event := <-events:
			switch event.Type {
			case executor.Event_LAUNCH:
				task = event.Launch.Task.TaskID
				outbox.tasks = []mesos.TaskInfo{event.Launch.Task}
				report(task, mesos.TASK_STARTING)
				report(task, mesos.TASK_RUNNING)
			case executor.Event_KILL, executor.Event_SHUTDOWN:
				if !terminal {
					terminal = true
					report(task, mesos.TASK_KILLED)
				}
			case executor.Event_ACKNOWLEDGED:
				outbox.tasks = nil
				outbox.acknowledge(event.Acknowledged.UUID)
				if _, owed, _ := outbox.Unacknowledged(); terminal && len(owed) == 0 {
					cancel()
					if err := <-result; !errors.Is(err, context.Canceled) {
						return err
					}
					return nil
				}
			}
		}
	}
}

// killUntil asks for the task's end as a framework does, again and again: an agent does not repeat a KILL that it could not send.
func killUntil(t *testing.T, ended context.Context, a *localagent.Agent, id string) {
	again := time.NewTicker(300 * time.Millisecond)
	defer again.Stop()
	for {
		err := a.Kill(id, nil)
		if err != nil && !errors.Is(err, localagent.ErrRecovering) && !errors.Is(err, localagent.ErrUnknown) {
			t.Error(err)
		}
		select {
		case <-again.C:
		case <-ended.Done():
			return
		}
	}
}

// The stand-in refuses whatever a real agent refuses, so that every state arriving exactly once and in order says that the
// calls were right too.
func TestAgainstTheLocalAgent(t *testing.T) {
	type faults func(t *testing.T, ctx context.Context, a *localagent.Agent)
	for name, c := range map[string]struct {
		options localagent.Options
		launch  faults // before the task is launched
		running faults // while it runs
	}{
		"undisturbed":   {},
		"domain socket": {options: localagent.Options{DomainSocket: filepath.Join(t.TempDir(), "agent.sock")}},
		"token":         {options: localagent.Options{Tokens: true}},
		"agent restart": {running: func(t *testing.T, ctx context.Context, a *localagent.Agent) {
			outage := localagent.Outage{Down: 700 * time.Millisecond, Starting: 300 * time.Millisecond, Recovering: 300 * time.Millisecond}
			if err := a.Restart(ctx, outage); err != nil {
				t.Fatal(err)
			}
		}},
		"dropped stream": {running: func(_ *testing.T, _ context.Context, a *localagent.Agent) { a.DropStreams() }},
		"agent not ready": {launch: func(_ *testing.T, _ context.Context, a *localagent.Agent) {
			a.Refuse(localagent.Refusal{Calls: 2, Type: executor.Call_SUBSCRIBE, Code: 503})
			a.Refuse(localagent.Refusal{Calls: 1, Type: executor.Call_SUBSCRIBE})
			a.Refuse(localagent.Refusal{Calls: 1, Type: executor.Call_SUBSCRIBE, Code: 404})
		}},
		"refused updates": {launch: func(_ *testing.T, _ context.Context, a *localagent.Agent) {
			a.Refuse(localagent.Refusal{Calls: 2, Type: executor.Call_UPDATE, Code: 503})
			a.Refuse(localagent.Refusal{Calls: 1, Type: executor.Call_UPDATE, Code: 403})
			a.Refuse(localagent.Refusal{Calls: 1, Type: executor.Call_UPDATE})
			a.Refuse(localagent.Refusal{Calls: 1, Type: executor.Call_UPDATE, AfterHandling: true})
		}},
		"lost acknowledgement": {
			launch:  func(_ *testing.T, _ context.Context, a *localagent.Agent) { a.LoseAcknowledgements(2) },
			running: func(_ *testing.T, _ context.Context, a *localagent.Agent) { a.DropStreams() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c.options.WorkDir = t.TempDir()
			a, err := localagent.New(c.options)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if c.launch != nil {
				c.launch(t, ctx, a)
			}
			program, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			task, err := a.Launch(localagent.LaunchRequest{
				Task: mesos.TaskInfo{Name: "app", TaskID: mesos.TaskID{Value: "app." + strings.ReplaceAll(name, " ", "-")}},
				Path: program, Args: []string{testExecutor},
			})
			if err != nil {
				t.Fatal(err)
			}
			var states []string
			var kills sync.WaitGroup
			ended, end := context.WithCancel(ctx)
			defer end()
			for update := range task.Updates(ctx) {
				states = append(states, update.State.String())
				if *update.State != mesos.TASK_RUNNING {
					continue
				}
				if c.running != nil {
					c.running(t, ctx, a)
				}
				kills.Go(func() { killUntil(t, ended, a, task.ID) })
			}
			end()
			kills.Wait()
			if diff := cmp.Diff([]string{"TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"}, states); diff != "" {
				stderr, _ := os.ReadFile(filepath.Join(task.Sandbox, "stderr"))
				t.Errorf("states (-want +got):\n%s\nstderr: %s", diff, stderr)
			}
			if exit, err := task.WaitExecutor(ctx); err != nil || !exit.Success() {
				t.Errorf("the executor ended with %v, %v", exit, err)
			}
		})
	}
}
