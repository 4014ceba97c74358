package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"go.uber.org/goleak"

	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/test/environment"
)

// The tests run the whole program: this test binary under another name in the environment, beside a built executor. So the race
// detector sees it too, and it fails with leakStatus if anything of it is left running when it ends.
const (
	asProgram  = "TEST_AS_PROGRAM"
	leakStatus = 99
)

// programLimit is far more than any program under test needs.
const programLimit = 2 * time.Minute

// installed is where the programs are.
var installed string

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(asProgramMain())
	}
	os.Exit(install(m))
}

func asProgramMain() int {
	t := terminal{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	status := dispatch(t, os.Args[1:])
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop"), goleak.IgnoreAnyFunction("mesos-docker-containerizer/cmd/mesos-docker-containerizer.sendInput")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return leakStatus
	}
	return status
}

// install puts the programs side by side, as `make build` does.
func install(m *testing.M) int {
	directory, err := os.MkdirTemp("", "programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	self, err := os.Executable()
	if err == nil {
		var content []byte
		if content, err = os.ReadFile(self); err == nil {
			err = os.WriteFile(filepath.Join(directory, "mesos-docker-containerizer"), content, 0o700)
		}
	}
	if err == nil {
		build := exec.Command("go", "build", "-o", directory, "mesos-docker-containerizer/cmd/mesos-docker-executor")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "install the programs:", err)
		return 1
	}
	installed = directory
	return m.Run()
}

// process is the program under test while it runs.
type process struct {
	t       *testing.T
	command *exec.Cmd
	ended   chan struct{}

	mu             sync.Mutex
	stdout, stderr bytes.Buffer
	grown          chan struct{}
}

// start starts the program. It is killed with the test if it has not ended by then.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

func startWith(t *testing.T, change func(*exec.Cmd), args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), programLimit)
	p := &process{t: t, ended: make(chan struct{}), grown: make(chan struct{}, 1)}
	p.command = exec.CommandContext(ctx, filepath.Join(installed, "mesos-docker-containerizer"), args...)
	p.command.Env = append(os.Environ(), asProgram+"=1", "GORACE=halt_on_error=1 exitcode=66", "DOCKER_HOST="+environment.Host())
	p.command.Stdout = writer{p, &p.stdout}
	p.command.Stderr = writer{p, &p.stderr}
	p.command.WaitDelay = 10 * time.Second
	if change != nil {
		change(p.command)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is in its state
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		if t.Failed() {
			t.Logf("%s\nstdout:\n%s\nstderr:\n%s", p.command, end(p.out()), end(p.err()))
		}
	})
	return p
}

// end is the end of a text, as much as a person wants to read.
func end(text string) string { return text[max(0, len(text)-8<<10):] }

// writer collects one stream of a process.
type writer struct {
	p      *process
	buffer *bytes.Buffer
}

func (w writer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	select {
	case w.p.grown <- struct{}{}:
	default:
	}
	return w.buffer.Write(b)
}

func (p *process) out() string { return p.text(&p.stdout) }
func (p *process) err() string { return p.text(&p.stderr) }

func (p *process) text(b *bytes.Buffer) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return b.String()
}

// await waits until a text is in the output or among the messages.
func (p *process) await(text string) {
	p.t.Helper()
	for !strings.Contains(p.out()+p.err(), text) {
		select {
		case <-p.grown:
		case <-p.ended:
			if strings.Contains(p.out()+p.err(), text) {
				return
			}
			p.t.Fatalf("the program ended without saying %q", text)
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.command.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// wantStatus waits for the end and checks the exit status.
func (p *process) wantStatus(want int) {
	p.t.Helper()
	<-p.ended
	if got := p.command.ProcessState.ExitCode(); got != want {
		p.t.Errorf("exit status %d (%v), want %d", got, p.command.ProcessState, want)
	}
}

// interrupt is Ctrl-C.
func (p *process) interrupt() { p.signal(syscall.SIGINT) }

// nothingLeft fails the test if anything of an app is left: a container, an executor, a sandbox.
func nothingLeft(t *testing.T, app string) {
	t.Helper()
	if names := containersOf(t, app); len(names) > 0 {
		t.Errorf("containers are left: %q", names)
	}
	base, err := baseDirectory()
	if err != nil {
		t.Fatal(err)
	}
	sandboxes, err := filepath.Glob(filepath.Join(base, "*", "work", "slaves", "*", "frameworks", "*", "executors", "*"+app+"*"))
	if err != nil || len(sandboxes) > 0 {
		t.Errorf("sandboxes are left: %q %v", sandboxes, err)
	}
	if left := executorsOf(t, app); len(left) > 0 {
		t.Errorf("executors are left: %q", left)
	}
}

// executorsOf lists the processes of all executors of an app.
func executorsOf(t *testing.T, app string) []string {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, path := range environments {
		text, err := os.ReadFile(path) // fails for processes that have ended by now
		if err == nil && bytes.Contains(text, []byte("MESOS_EXECUTOR_ID="+app)) {
			left = append(left, path)
		}
	}
	return left
}

// containersOf lists the containers of all tasks of an app, whatever their state.
func containersOf(t *testing.T, app string) []string {
	t.Helper()
	list, err := environment.Engine(t).ContainerList(context.Background(), container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", "mesos-docker-containerizer.task")),
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		if strings.HasPrefix(c.Labels["mesos-docker-containerizer.task"], app) {
			names = append(names, c.Names...)
		}
	}
	return names
}
