package dockercli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/memoryregistry"
)

// newRunner is a Docker that can run, and removes what has a name.
func newRunner(t *testing.T, change ...func(*Options)) (*Docker, *bench) {
	t.Helper()
	change = append([]func(*Options){withImages(t, image.Options{}), func(o *Options) { o.Parameters = parameters.NewSubprocess() }}, change...)
	return newDocker(t, environment.Socket(t), change...), newBench(t)
}

// named is a new name for a container, which is removed when the test ends.
func (b *bench) named() string {
	name := uniqueName()
	b.t.Cleanup(func() { b.remove(name) })
	return name
}

// dockersLog is a line that docker's command writes about itself.
var dockersLog = regexp.MustCompile(`(?m)^time=.*\n`)

// TestRunAsDocker runs command lines by docker and by us, and compares what is heard of them.
func TestRunAsDocker(t *testing.T) {
	t.Parallel()
	path := realDocker(t)
	d, b := newRunner(t)
	for _, tt := range [][]string{
		{"IMAGE", "/bin/sh", "-c", "echo out; echo err >&2; exit 3"},
		{"--net", "none", "-e", "A=b c", "IMAGE", "/bin/sh", "-c", `echo "$A"`},
		{"--rm", "IMAGE", "/bin/sh", "-c", "exit 7"},
		{"-t", "IMAGE", "/bin/sh", "-c", "echo out; echo err >&2"},
		{"-a", "stderr", "IMAGE", "/bin/sh", "-c", "echo out; echo err >&2"},
		{"-i", "IMAGE", "/bin/sh", "-c", "cat; echo end"},
		{"IMAGE", "/no/such/program"},
		{"IMAGE", "/bin"},
		{"--net", "no-such-network", "IMAGE", "true"},
		{"-it", "IMAGE", "true"},
		{"--entrypoint", "/bin/sh", "IMAGE", "-c", "kill -9 $$"},
	} {
		var results []result
		for _, run := range []func(arguments ...string) result{
			func(arguments ...string) result { return runReal(t, path, environment.Host(), arguments...) },
			func(arguments ...string) result { return answer(t.Context(), d, arguments...) },
		} {
			name := b.named()
			arguments := []string{"run", "--name", name}
			for _, a := range tt {
				if a == "IMAGE" {
					a = b.image
				}
				arguments = append(arguments, a)
			}
			got := run(arguments...)
			got.Stderr = dockersLog.ReplaceAllString(strings.ReplaceAll(got.Stderr, name, "NAME"), "")
			results = append(results, got)
			if slices.Contains(tt, "--rm") && b.state(name) != "absent" {
				t.Errorf("%q: the container is %s", tt, b.state(name))
			}
		}
		if diff := cmp.Diff(results[0], results[1]); diff != "" {
			t.Errorf("docker run %q, docker's answer and ours:\n%s", tt, diff)
		}
	}
}

// TestRunOfAnAgent runs the command line of a real executor, as captured, by docker and by us: the Engine must see the same.
func TestRunOfAnAgent(t *testing.T) {
	t.Parallel()
	path := realDocker(t)
	d, b := newRunner(t)
	for i, captured := range capturedCalls(t, "run") {
		var seen []container.InspectResponse
		for _, run := range []func(arguments ...string) result{
			func(arguments ...string) result { return runReal(t, path, environment.Host(), arguments...) },
			func(arguments ...string) result { return answer(t.Context(), d, arguments...) },
		} {
			name := b.named()
			if got := run(replay(t, captured, name, b.image)...); got.Status != statusOK {
				t.Fatalf("%+v", got)
			}
			found, err := b.api.ContainerInspect(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(found.Config.Env) // the Engine has them in a map
			seen = append(seen, found)
		}
		ignore := cmp.Options{
			cmpopts.IgnoreFields(container.Config{}, "Hostname"), cmpopts.EquateEmpty(),
			cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Binds" || p.Last().String() == ".Labels" }, cmp.Ignore()),
		}
		if diff := cmp.Diff(seen[0].Config, seen[1].Config, ignore); diff != "" {
			t.Errorf("%d: Config of docker's and of ours:\n%s", i, diff)
		}
		if diff := cmp.Diff(seen[0].HostConfig, seen[1].HostConfig, ignore); diff != "" {
			t.Errorf("%d: HostConfig of docker's and of ours:\n%s", i, diff)
		}
		if len(seen[1].HostConfig.Binds) != len(seen[0].HostConfig.Binds) {
			t.Errorf("%d: binds %q", i, seen[1].HostConfig.Binds)
		}
		for label := range seen[1].Config.Labels { // it is the agent's, and none of those that we recover
			if strings.HasPrefix(label, engine.LabelPrefix) && label != callLabel {
				t.Errorf("%d: label %s", i, label)
			}
		}
	}
}

// capturedCalls are the arguments of those commands of a real agent and its executors that begin with a name.
func capturedCalls(t *testing.T, name string) (calls [][]string) {
	t.Helper()
	content, err := os.ReadFile("testdata/calls.json")
	if err != nil {
		t.Fatal(err)
	}
	var captured []struct{ Argv []string }
	if err := json.Unmarshal(content, &captured); err != nil {
		t.Fatal(err)
	}
	for _, c := range captured {
		if len(c.Argv) > 3 && c.Argv[3] == name {
			calls = append(calls, c.Argv[3:])
		}
	}
	if len(calls) == 0 {
		t.Fatalf("no call of %s was captured", name)
	}
	return calls
}

// replay makes a captured run one of this host: with an image and a directory that are here, and an end.
func replay(t *testing.T, captured []string, name, ref string) []string {
	t.Helper()
	arguments := slices.Clone(captured)
	sandbox := t.TempDir()
	for i, a := range arguments {
		switch {
		case i > 0 && arguments[i-1] == "--name":
			arguments[i] = name
		case i > 0 && arguments[i-1] == "-v":
			_, mapped, _ := strings.Cut(a, ":")
			arguments[i] = sandbox + ":" + mapped
		case i > 0 && arguments[i-1] == "-p":
			_, inside, _ := strings.Cut(a, ":")
			arguments[i] = "0:" + inside
		case strings.HasSuffix(a, "/app:1"):
			arguments[i] = ref
			arguments[len(arguments)-1] = "echo hello"
		}
	}
	return arguments
}

// caller is one who waits for a command that goes on.
type caller struct {
	signals        chan syscall.Signal
	stdin          *io.PipeWriter
	stdout, stderr bytes.Buffer
	status         chan int
}

// begin carries out a command in the background.
func begin(ctx context.Context, d *Docker, arguments ...string) *caller {
	in, stdin := io.Pipe()
	c := &caller{signals: make(chan syscall.Signal, 1), stdin: stdin, status: make(chan int, 1)}
	go func() {
		status := d.Answer(ctx, Call{Arguments: arguments, Stdin: in, Stdout: &c.stdout, Stderr: &c.stderr, Signals: c.signals,
			Client: newRunClient(&c.stdout, &c.stderr)})
		_ = in.Close()
		c.status <- status
	}()
	return c
}

func TestRunGetsSignals(t *testing.T) {
	t.Parallel()
	d, b := newRunner(t)
	name := b.named()
	c := begin(t.Context(), d, "run", "--name", name, b.image, "/bin/sh", "-c", `trap "echo caught; exit 5" TERM; touch /ready; while :; do sleep 0.1; done`)
	b.awaitRunning(name)
	b.awaitFile(name, "/ready")
	c.signals <- syscall.SIGTERM
	if status := <-c.status; status != 5 || c.stdout.String() != "caught\n" {
		t.Errorf("status %d, %q, %q", status, c.stdout.String(), c.stderr.String())
	}
}

// awaitRunning waits until a container is there and runs.
func (b *bench) awaitRunning(name string) { b.awaitState(name, "running") }

func TestRunReadsInput(t *testing.T) {
	t.Parallel()
	d, b := newRunner(t)
	c := begin(t.Context(), d, "run", "-i", "--name", b.named(), b.image, "/bin/sh", "-c", "read line; echo got $line; cat; exit 4")
	_, _ = io.WriteString(c.stdin, "one\ntwo\n")
	_ = c.stdin.Close()
	if status := <-c.status; status != 4 || c.stdout.String() != "got one\ntwo\n" {
		t.Errorf("status %d, %q, %q", status, c.stdout.String(), c.stderr.String())
	}
}

// The container of a client that is killed runs on, as with docker: the agent knows what to do.
func TestRunOfAClientThatDies(t *testing.T) {
	t.Parallel()
	d, b := newRunner(t)
	name := b.named()
	ctx, cancel := context.WithCancel(t.Context())
	c := begin(ctx, d, "run", "--name", name, b.image, "sleep", "1000")
	b.awaitRunning(name)
	cancel()
	if status := <-c.status; status == statusOK {
		t.Error("status 0")
	}
	if state := b.state(name); state != "running" {
		t.Errorf("the container is %s", state)
	}
}

func TestRunSaysWhatItTakes(t *testing.T) {
	d := New(Options{Logger: zap.NewNop()})
	defer d.Close()
	var stdout, stderr bytes.Buffer
	call := Call{Arguments: []string{"run", "--help"}, Stdout: &stdout, Stderr: &stderr}
	if status := d.Answer(t.Context(), call); status != 0 || !strings.HasPrefix(stdout.String(), "\nUsage:  docker run ") || stderr.Len() != 0 {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
}

func TestRunDetached(t *testing.T) {
	t.Parallel()
	d, b := newRunner(t)
	name := b.named()
	got := answer(t.Context(), d, "run", "-d", "--name", name, b.image, "sleep", "1000")
	found, err := b.api.ContainerInspect(t.Context(), name)
	if err != nil || got != (result{Stdout: found.ID + "\n"}) || !found.State.Running {
		t.Errorf("%+v, %v", got, err)
	}
}

// A run waits for the real pull, also for the one that its agent has had deferred, whose credentials it uses.
func TestRunJoinsTheDeferredPull(t *testing.T) {
	r := memoryregistry.New(t)
	r.Login, r.Gate = "agent:geheim", make(chan struct{})
	d, b := newRunner(t, deferring)
	home := r.Home(t, r.Login)
	if got := answerFrom(t.Context(), d, home, "pull", r.Ref()); got.Status != statusOK {
		t.Fatalf("%+v", got)
	}
	_ = os.RemoveAll(home)
	r.AwaitDownload(t)
	c := begin(t.Context(), d, "run", "--name", b.named(), r.Ref(), "/bin/sh", "-c", "echo ran")
	close(r.Gate)
	if status := <-c.status; status != statusOK || c.stdout.String() != "ran\n" || r.Downloads() != 1 {
		t.Errorf("status %d, %q, %q, %d downloads", status, c.stdout.String(), c.stderr.String(), r.Downloads())
	}
}

func TestRunSaysWhyTheDeferredPullFailed(t *testing.T) {
	r := memoryregistry.New(t)
	d, b := newRunner(t, deferring)
	absent := r.Address + "/app:absent"
	_ = answer(t.Context(), d, "pull", absent)
	<-newestDeferred(d, absent).ended
	asked := r.Count("manifests")
	got := answer(t.Context(), d, "run", "--name", b.named(), absent, "true")
	if got.Status != statusUsage || !strings.Contains(got.Stderr, "docker: Error response from daemon: ") || !strings.Contains(got.Stderr, "not found") || r.Count("manifests") != asked {
		t.Errorf("%+v, %d questions more", got, r.Count("manifests")-asked)
	}
}

// A signal during the pull ends the run, and no container comes of it.
func TestRunIsToldToEndWhileItPulls(t *testing.T) {
	r := memoryregistry.New(t)
	r.Gate = make(chan struct{})
	defer close(r.Gate)
	d, b := newRunner(t)
	name := b.named()
	c := begin(t.Context(), d, "run", "--name", name, r.Ref(), "true")
	r.AwaitDownload(t)
	c.signals <- syscall.SIGTERM
	if status := <-c.status; status != 128+int(syscall.SIGTERM) || b.state(name) != "absent" {
		t.Errorf("status %d, %q, the container is %s", status, c.stderr.String(), b.state(name))
	}
}

// Executor containers are asked for by frameworks, and checked like tasks.
func TestRunIsChecked(t *testing.T) {
	t.Parallel()
	rules, err := policy.New(policy.Options{
		AllowPrivileged: policy.Switch{Source: "/etc/allow_privileged"},
		Allowed: map[string]policy.Rule{
			"allowed_host_paths": {Source: "/etc/allowed_host_paths", Items: []string{"none"}},
			"allowed_parameters": {Source: "/etc/allowed_parameters", Items: []string{"label"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	d, b := newRunner(t, func(o *Options) { o.Policy, o.WorkDirectory = rules, work })
	const id = "de22be34-6a8c-4f87-a93f-7a86365b9031"
	sandbox := filepath.Join(work, "slaves/S0/runs", id)
	if err := os.MkdirAll(sandbox, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.remove("mesos-" + id) })
	for _, tt := range []struct {
		name      string
		arguments string
		refusal   string // empty for none
	}{
		{"as an agent has it", "--net none -v " + sandbox + ":/mnt/mesos/sandbox --name mesos-" + id + " --label=a=b", ""},
		{"privileged", "--privileged --name mesos-" + id, "/etc/allow_privileged"},
		{"a path of the host", "-v /etc:/x --name mesos-" + id, "/etc/allowed_host_paths"},
		{"another's sandbox", "-v " + work + "/slaves/S0/runs/other:/x --name mesos-" + id, "/etc/allowed_host_paths"},
		{"a parameter", "--name mesos-" + id + " --hostname=x", "/etc/allowed_parameters"},
	} {
		b.remove("mesos-" + id)
		got := answer(t.Context(), d, append(append([]string{"run"}, strings.Fields(tt.arguments)...), b.image, "true")...)
		if tt.refusal == "" && got.Status != statusOK || tt.refusal != "" && (got.Status != statusUsage || !strings.Contains(got.Stderr, tt.refusal)) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestSandboxOf(t *testing.T) {
	const id = "de22be34-6a8c-4f87-a93f-7a86365b9031"
	for _, tt := range []struct{ name, bind, want string }{
		{"mesos-" + id, "/work/slaves/S0/runs/" + id + ":/mnt", "/work/slaves/S0/runs/" + id},
		{"mesos-S0." + id, "/work/links/" + id + ":/mnt:ro", "/work/links/" + id},
		{"mesos-" + id + ".executor", "/work/runs/" + id, "/work/runs/" + id},
		{"mesos-" + id, "/elsewhere/" + id + ":/mnt", ""},
		{"mesos-" + id, "/work/runs/../../etc/" + id + ":/mnt", ""},
		{"mesos-etc", "/work/etc:/mnt", ""},
		{id, "/work/" + id + ":/mnt", ""},
		{"mesos-" + id, id + ":/mnt", ""},
	} {
		d := &Docker{options: Options{WorkDirectory: "/work"}}
		line := &runspec.RunLine{Name: tt.name, ParseResult: runspec.ParseResult{HostConfig: &container.HostConfig{Binds: []string{"/a:/b", tt.bind}}}}
		if got := d.sandboxOf(line); got != tt.want {
			t.Errorf("%s, %s: %q", tt.name, tt.bind, got)
		}
	}
}
