package localagent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"go.uber.org/goleak"
)

// testExecutor as first argument turns the test binary into an executor; the second says of what kind.
const testExecutor = "test-executor"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == testExecutor {
		if err := runTestExecutor(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "test executor:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// The kinds of test executors.
const (
	obedient  = "obedient"  // runs its task until it is killed or shut down
	finishing = "finishing" // finishes its task at once
	crashing  = "crashing"  // dies when RUNNING is acknowledged
	deaf      = "deaf"      // does not care for SHUTDOWN
	fickle    = "fickle"    // does not come back after its stream broke
	mute      = "mute"      // never says a word
	curious   = "curious"   // prints its environment, stdin, directory and session, then is obedient
	parental  = "parental"  // starts a child in a process group of its own, then is obedient
)

// testRun is a minimal executor that speaks raw HTTP with JSON.
type testRun struct {
	kind     string
	endpoint string
	task     mesos.TaskID
	unacked  []mesos.TaskStatus
	launched []mesos.TaskInfo
}

func runTestExecutor(kind string) error {
	r := &testRun{kind: kind, endpoint: "http://" + os.Getenv("MESOS_AGENT_ENDPOINT") + executorRoute}
	switch kind {
	case mute:
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		<-signals
		return nil
	case curious:
		printSurroundings()
	case parental:
		child := exec.Command(os.Args[0], testExecutor, mute)
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := child.Start(); err != nil {
			return err
		}
		fmt.Println(child.Process.Pid)
	}
	for range 200 {
		done, err := r.subscribe()
		if done || err != nil || kind == fickle && len(r.task.Value) > 0 {
			if kind == fickle && !done {
				select {} // alive, and silent
			}
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
	return errors.New("the agent did not come back")
}

func printSurroundings() {
	stdin, _ := io.ReadAll(os.Stdin)
	dir, _ := os.Getwd()
	session, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
	json.NewEncoder(os.Stdout).Encode(surroundings{
		Environment: os.Environ(), Stdin: string(stdin), Directory: dir, Leader: int(session) == os.Getpid(),
	})
}

type surroundings struct {
	Environment []string
	Stdin       string
	Directory   string
	Leader      bool
}

// post sends a call; the caller closes the body.
func (r *testRun) post(call executor.Call) (*http.Response, error) {
	call.FrameworkID.Value = os.Getenv("MESOS_FRAMEWORK_ID")
	call.ExecutorID.Value = os.Getenv("MESOS_EXECUTOR_ID")
	body, err := json.Marshal(&call)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, r.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token := os.Getenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return http.DefaultClient.Do(request)
}

// subscribe follows one stream. It says whether the executor has done its work.
func (r *testRun) subscribe() (bool, error) {
	call := executor.Call{Type: executor.Call_SUBSCRIBE, Subscribe: &executor.Call_Subscribe{UnacknowledgedTasks: r.launched}}
	for _, status := range r.unacked {
		call.Subscribe.UnacknowledgedUpdates = append(call.Subscribe.UnacknowledgedUpdates, executor.Call_Update{Status: status})
	}
	response, err := r.post(call)
	if err != nil {
		return false, nil // the agent is down
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusServiceUnavailable:
		return false, nil
	default:
		text, _ := io.ReadAll(response.Body)
		return false, fmt.Errorf("subscribe: %s: %s", response.Status, text)
	}
	records := recordio.NewReader(response.Body)
	for {
		record, err := records.ReadFrame()
		if err != nil {
			return false, nil
		}
		var event executor.Event
		if err := json.Unmarshal(record, &event); err != nil {
			return false, err
		}
		if done, err := r.handle(event); done || err != nil {
			return done, err
		}
	}
}

func (r *testRun) handle(event executor.Event) (bool, error) {
	switch event.Type {
	case executor.Event_LAUNCH:
		r.task = event.Launch.Task.TaskID
		r.launched = append(r.launched, event.Launch.Task)
		if err := r.update(mesos.TASK_RUNNING); err != nil {
			return false, err
		}
		if r.kind == finishing {
			return false, r.update(mesos.TASK_FINISHED)
		}
	case executor.Event_KILL:
		return false, r.update(mesos.TASK_KILLED)
	case executor.Event_SHUTDOWN:
		if r.kind == deaf {
			return false, nil
		}
		if r.task.Value == "" {
			return true, nil
		}
		return false, r.update(mesos.TASK_KILLED)
	case executor.Event_ACKNOWLEDGED:
		r.launched = nil
		for i, status := range r.unacked {
			if bytes.Equal(status.UUID, event.Acknowledged.UUID) {
				r.unacked = append(r.unacked[:i:i], r.unacked[i+1:]...)
				if r.kind == crashing {
					os.Exit(3)
				}
				return terminalState(status.GetState()), nil
			}
		}
	}
	return false, nil
}

func (r *testRun) update(state mesos.TaskState) error {
	status := mesos.TaskStatus{TaskID: r.task, State: &state, Source: mesos.SOURCE_EXECUTOR.Enum(), UUID: newUUIDBytes()}
	r.unacked = append(r.unacked, status)
	response, err := r.post(executor.Call{Type: executor.Call_UPDATE, Update: &executor.Call_Update{Status: status}})
	if err != nil {
		return nil // sent again with the next subscription
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		fmt.Fprintln(os.Stderr, "update:", response.Status)
	}
	return nil
}

// patience is how long tests wait for what must happen.
const patience = 20 * time.Second

func wait(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// newAgent starts an agent for one test and closes it behind.
func newAgent(t *testing.T, options Options) *Agent {
	t.Helper()
	if options.WorkDir == "" {
		options.WorkDir = t.TempDir()
	}
	a, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return a
}

func taskInfo(id string) mesos.TaskInfo {
	return mesos.TaskInfo{Name: id, TaskID: mesos.TaskID{Value: id}}
}

// launch starts a test executor with a task.
func launch(t *testing.T, a *Agent, kind string, change ...func(*LaunchRequest)) *Task {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	request := LaunchRequest{Task: taskInfo("task-" + kind), Path: self, Args: []string{testExecutor, kind}}
	for _, c := range change {
		c(&request)
	}
	task, err := a.Launch(request)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// await returns the task's updates up to the first in the given state.
func await(t *testing.T, task *Task, state mesos.TaskState) []mesos.TaskStatus {
	t.Helper()
	var seen []mesos.TaskStatus
	for status := range task.Updates(wait(t)) {
		seen = append(seen, status)
		if status.GetState() == state {
			return seen
		}
	}
	t.Fatalf("task %s did not reach %s; updates: %v; executor said: %s", task.ID, state, states(seen), output(task, "stderr"))
	return nil
}

func states(statuses []mesos.TaskStatus) []string {
	all := []string{}
	for _, s := range statuses {
		all = append(all, strings.TrimPrefix(s.GetState().String(), "TASK_"))
	}
	return all
}

func output(task *Task, name string) string {
	text, err := os.ReadFile(filepath.Join(task.Sandbox, name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// client plays an executor whose process is mute.
type client struct {
	t    *testing.T
	task *Task
	http *http.Client
	base string
}

func newClient(t *testing.T, a *Agent, change ...func(*LaunchRequest)) *client {
	t.Helper()
	return clientOf(t, a, launch(t, a, mute, change...))
}

func clientOf(t *testing.T, a *Agent, task *Task) *client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, task: task, http: &http.Client{Transport: transport}, base: "http://" + a.Endpoint()}
}

// call fills in the client's ids.
func (c *client) call(kind executor.Call_Type) *executor.Call {
	return &executor.Call{
		Type:        kind,
		FrameworkID: mesos.FrameworkID{Value: c.task.FrameworkID},
		ExecutorID:  mesos.ExecutorID{Value: c.task.ExecutorID},
	}
}

func (c *client) update(state mesos.TaskState) *executor.Call {
	call := c.call(executor.Call_UPDATE)
	call.Update = &executor.Call_Update{Status: mesos.TaskStatus{
		TaskID: mesos.TaskID{Value: c.task.ID}, State: &state, Source: mesos.SOURCE_EXECUTOR.Enum(), UUID: newUUIDBytes(),
	}}
	return call
}

// send posts a call as JSON and returns the answer's code and text.
func (c *client) send(call *executor.Call) (int, string) {
	c.t.Helper()
	body, err := json.Marshal(call)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.post("application/json", body)
}

func (c *client) post(contentType string, body []byte) (int, string) {
	c.t.Helper()
	response, err := c.http.Post(c.base+executorRoute, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// must posts a call that has to be accepted.
func (c *client) must(call *executor.Call) {
	c.t.Helper()
	if code, text := c.send(call); code != http.StatusAccepted {
		c.t.Fatalf("%s: answered %d %s", call.Type, code, text)
	}
}

// subscription is the client's side of a stream.
type subscription struct {
	t      *testing.T
	body   io.ReadCloser
	events chan executor.Event // closed at the end of the stream
}

func (c *client) subscribe(change ...func(*executor.Call_Subscribe)) *subscription {
	c.t.Helper()
	call := c.call(executor.Call_SUBSCRIBE)
	call.Subscribe = &executor.Call_Subscribe{}
	for _, f := range change {
		f(call.Subscribe)
	}
	body, err := json.Marshal(call)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := c.http.Post(c.base+executorRoute, "application/json", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		c.t.Fatalf("SUBSCRIBE answered %d %s", response.StatusCode, text)
	}
	s := &subscription{t: c.t, body: response.Body, events: make(chan executor.Event, 64)}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer close(s.events)
		reader := bufio.NewReader(response.Body)
		for {
			var size int
			if _, err := fmt.Fscanf(reader, "%d\n", &size); err != nil {
				return
			}
			record := make([]byte, size)
			if _, err := io.ReadFull(reader, record); err != nil {
				return
			}
			var event executor.Event
			if err := json.Unmarshal(record, &event); err != nil {
				event.Type = 99 // a name the decoder does not know
			}
			s.events <- event
		}
	}()
	c.t.Cleanup(func() {
		response.Body.Close()
		<-over
	})
	return s
}

// next returns the next event, which must be of the given type.
func (s *subscription) next(want executor.Event_Type) executor.Event {
	s.t.Helper()
	select {
	case event, ok := <-s.events:
		if !ok {
			s.t.Fatalf("stream ended, want event %s", want)
		}
		if event.Type != want {
			s.t.Fatalf("got event %s, want %s", event.Type, want)
		}
		return event
	case <-time.After(patience):
		s.t.Fatalf("no event, want %s", want)
	}
	return executor.Event{}
}

// end waits for the end of the stream, with no event before it.
func (s *subscription) end() {
	s.t.Helper()
	select {
	case event, ok := <-s.events:
		if ok {
			s.t.Fatalf("got event %s, want the end of the stream", event.Type)
		}
	case <-time.After(patience):
		s.t.Fatal("stream did not end")
	}
}

// started waits for the process of a task's executor.
func started(t *testing.T, task *Task) int {
	t.Helper()
	for ctx := wait(t); ; {
		if pid, err := task.ExecutorProcess(); err == nil {
			return pid
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the executor was not started")
		}
	}
}
