package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/report"
	"mesos-docker-containerizer/test/fakeagent"
)

// dropin is one executor in the stock executor's place, as an agent's docker containerizer starts it: contract 1.3 to
// 1.5.
type dropin struct {
	*fakeagent.Agent
	h         *host
	info      mesos.TaskInfo
	container string // its name
	sandbox   string
	stdin     *os.File // the agent's end of the pipe: it writes nothing there, and the end comes with its own
	process   *exec.Cmd
	exited    chan struct{}
}

// dropInOptions say how an agent and its task differ from the usual.
type dropInOptions struct {
	agent   fakeagent.Options
	plain   bool // the framework does not know TASK_KILLING
	forgets bool // the framework does not checkpoint
	lose    int  // acknowledgements that do not arrive
	idle    bool // the task is not launched

	flags     []string     // behind those that every agent gives
	variables []string     // of the agent's flag executor_environment_variables
	prepare   func(string) // what the agent does in the sandbox before the executor starts
	directory string       // the sandbox, if not a directory of the container's name
	link      string       // the path by which the sandbox is known to the executor, if not its own
}

// dropIn launches a task.
func (h *host) dropIn(t *testing.T, info mesos.TaskInfo, change ...func(*dropInOptions)) *dropin {
	t.Helper()
	var o dropInOptions
	for _, c := range change {
		c(&o)
	}
	if !o.plain {
		o.agent.Framework.Capabilities = []mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE}}
	}
	o.agent.ExecutorID, o.agent.Port = info.TaskID.Value, fmt.Sprint(freePort(t))
	a, err := fakeagent.New(o.agent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Stop()
		if err := a.Violations(); err != nil {
			t.Errorf("the agent was told what it does not take: %v", err)
		}
	})
	a.LoseAcknowledgements(o.lose)
	d := &dropin{Agent: a, h: h, info: info, container: "mesos-" + newUUID(t), exited: make(chan struct{})}
	d.makeSandbox(t, &o)
	if !o.idle {
		if err := a.Launch(info); err != nil {
			t.Fatal(err)
		}
	}
	d.start(t, &o)
	return d
}

func newUUID(t *testing.T) string {
	t.Helper()
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(id))
}

// makeSandbox does what agent and fetcher do before the executor starts.
func (d *dropin) makeSandbox(t *testing.T, o *dropInOptions) {
	t.Helper()
	d.sandbox = o.directory
	if d.sandbox == "" {
		d.sandbox = filepath.Join(d.h.work, d.container)
	}
	if err := os.MkdirAll(d.sandbox, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if err := os.WriteFile(filepath.Join(d.sandbox, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if o.link != "" {
		if err := os.MkdirAll(filepath.Dir(o.link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(d.sandbox, o.link); err != nil {
			t.Fatal(err)
		}
	}
	if o.prepare != nil {
		o.prepare(d.sandbox)
	}
}

func (d *dropin) start(t *testing.T, o *dropInOptions) {
	t.Helper()
	named := o.link
	if named == "" {
		named = d.sandbox
	}
	d.process = exec.Command(d.h.executor, append([]string{
		"--cgroups_enable_cfs=false", "--container=" + d.container, "--docker=docker", "--docker_socket=" + environment.Socket(t),
		"--help=false", "--initialize_driver_logging=true", "--launcher_dir=/usr/libexec/mesos", "--logbufsecs=0", "--logging_level=INFO",
		"--mapped_directory=" + mapped, "--quiet=false", "--sandbox_directory=" + named, "--stop_timeout=0ns", "--socket=" + d.h.socket,
	}, o.flags...)...)
	d.process.Args[0] = "mesos-docker-executor"
	d.process.Dir = named
	d.process.Env = d.environ(o)
	d.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var files []*os.File
	for _, name := range []string{"stdout", "stderr"} {
		file, err := os.OpenFile(filepath.Join(d.sandbox, name), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		files = append(files, file)
	}
	stdin, agents, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	d.stdin = agents
	d.process.Stdin, d.process.Stdout, d.process.Stderr = stdin, files[0], files[1]
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	var reaping sync.WaitGroup
	reaping.Go(func() { d.process.Wait(); close(d.exited) })
	t.Cleanup(func() {
		d.process.Process.Kill()
		reaping.Wait()
		agents.Close()
		if said := d.read(t, "stderr"); t.Failed() || strings.Contains(said, "DATA RACE") {
			t.Errorf("stderr:\n%.4000s", said)
		}
	})
}

// environ is the executor's environment, the layers of contract 1.5 from the lowest up.
func (d *dropin) environ(o *dropInOptions) []string {
	layers := slices.Concat(o.variables, d.Environ(!o.forgets, d.sandbox), []string{
		"MESOS_HTTP_COMMAND_EXECUTOR=0", "MESOS_NATIVE_JAVA_LIBRARY=/usr/lib/libmesos.so", "MESOS_NATIVE_LIBRARY=/usr/lib/libmesos.so",
	})
	if grace := d.info.KillPolicy.GetGracePeriod(); grace != nil { // with what the agent adds for itself
		layers = append(layers, fmt.Sprintf("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=%dns", grace.Nanoseconds+int64(2*time.Second)))
	}
	for _, v := range d.info.GetCommand().GetEnvironment().GetVariables() {
		layers = append(layers, v.Name+"="+v.GetValue())
	}
	values := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, layer := range append(layers, "GLOG_v=0") {
		name, value, _ := strings.Cut(layer, "=")
		values[name] = value
	}
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	slices.Sort(environ)
	return environ
}

// read returns what is in the sandbox's file of that name, without the executor's own log.
func (d *dropin) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(d.sandbox, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(content)
}

// awaitOutput waits until stdout holds a text.
func (d *dropin) awaitOutput(t *testing.T, text string) {
	t.Helper()
	environment.Eventually(t, patience, "the output "+text, func() bool { return strings.Contains(d.read(t, "stdout"), text) })
}

// reported decodes the report that a task has printed, once all of it is there.
func (d *dropin) reported(t *testing.T) (seen report.Report) {
	t.Helper()
	d.awaitOutput(t, "}\n")
	if err := json.Unmarshal([]byte(d.read(t, "stdout")), &seen); err != nil {
		t.Fatalf("no report: %v in %.1000q", err, d.read(t, "stdout"))
	}
	return seen
}

func (d *dropin) await(t *testing.T, state mesos.TaskState) mesos.TaskStatus {
	t.Helper()
	status, err := d.Await(patiently(t), state)
	if err != nil {
		t.Fatalf("waiting for %s after %s: %v", state, story(d.Stored()), err)
	}
	return status
}

// awaitExit waits for the executor's end, whatever its status.
func (d *dropin) awaitExit(t *testing.T) {
	t.Helper()
	select {
	case <-d.exited:
	case <-patiently(t).Done():
		t.Fatalf("the executor does not end; the agent has %s", story(d.Stored()))
	}
}

// end waits for the executor's regular end, after these states.
func (d *dropin) end(t *testing.T, want string) {
	t.Helper()
	d.awaitExit(t)
	if !d.process.ProcessState.Success() {
		t.Errorf("the executor ended with %v", d.process.ProcessState)
	}
	d.wantStates(t, want)
}

// endOnce is end for an agent that was there all the time: it is told nothing twice.
func (d *dropin) endOnce(t *testing.T, want string) {
	t.Helper()
	d.end(t, want)
	if n := d.Repeated(); n != 0 {
		t.Errorf("%d updates were sent twice", n)
	}
}

func (d *dropin) wantStates(t *testing.T, want string) {
	t.Helper()
	seen := d.Stored()
	if got := states(seen); got != want {
		t.Errorf("states %s, want %s", story(seen), want)
	}
	for i, status := range seen {
		for _, other := range seen[:i] {
			if bytes.Equal(status.UUID, other.UUID) {
				t.Errorf("update %s was stored twice", status.GetState())
			}
		}
	}
}

func (d *dropin) kill(t *testing.T, grace time.Duration) {
	t.Helper()
	if err := d.Kill(d.info.TaskID.Value, policy(grace)); err != nil {
		t.Fatal(err)
	}
}

// inspect looks at the container under its name, past the daemon.
func (d *dropin) inspect(t *testing.T) container.InspectResponse {
	t.Helper()
	found, err := d.h.docker.ContainerInspect(t.Context(), d.container)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// runs tells whether the container does.
func (d *dropin) runs(t *testing.T) bool {
	t.Helper()
	found, err := d.h.docker.ContainerInspect(t.Context(), d.container)
	if err != nil && !errdefs.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil && found.State.Running
}

func (d *dropin) awaitStopped(t *testing.T) {
	t.Helper()
	environment.Eventually(t, patience, "the end of the container", func() bool { return !d.runs(t) })
}

// finish launches a task and sees it through to its regular end.
func (h *host) finish(t *testing.T, info mesos.TaskInfo, change ...func(*dropInOptions)) *dropin {
	t.Helper()
	d := h.dropIn(t, info, change...)
	d.endOnce(t, "STARTING RUNNING FINISHED")
	return d
}

// Agents of every form of message find what they know: a container of exactly the name they gave, kept until the executor has
// gone.
func TestDropInFinish(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]fakeagent.Options{"current agent": {}, "agent 0.21": {Old: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			d := h.dropIn(t, shell(t, "exit 3"), func(options *dropInOptions) { options.agent = o })
			running := d.await(t, mesos.TASK_RUNNING)
			if got := inspected(t, running).Name; got != "/"+d.container {
				t.Errorf("the container is %s, want %s", got, d.container)
			}
			wantMessage(t, d.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, "Container exited with status 3")
			d.endOnce(t, "STARTING RUNNING FAILED")
		})
	}
}
