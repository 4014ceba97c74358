package differential

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer/runspec"
)

// runTimeout bounds one side of one task, from its start to its end.
const runTimeout = time.Minute

// runValues are options that matter to a running container, and values with which most of them can run.
var runValues = map[string][]string{
	"add-host": {"a:1.2.3.4"}, "cap-drop": {"ALL"}, "cpus": {"0.5"}, "device": {"/dev/null", "/dev/nosuch"}, "dns": {"8.8.8.8"}, "dns-search": {"a.example"},
	"env": {"A=b"}, "expose": {"81"}, "group-add": {"app"}, "health-cmd": {"true"}, "hostname": {"h"}, "init": {"true"}, "ip": {"10.213.77.9", "10.99.0.1"}, "ipc": {"host"},
	"label": {"a=b"}, "log-driver": {"none", "json-file"}, "mac-address": {"02:42:ac:11:00:99"}, "memory": {"64m"}, "net": {"{net}", "none", "container:nosuch"},
	"network-alias": {"web"}, "oom-score-adj": {"100"}, "pid": {"host"}, "pids-limit": {"50"}, "publish": {"82", "127.0.0.1::83/udp"}, "publish-all": {"true"},
	"read-only": {"true"}, "runtime": {"nosuch"}, "security-opt": {"no-new-privileges"}, "shm-size": {"8m"}, "stop-signal": {"9"}, "sysctl": {"net.core.somaxconn=100"},
	"tmpfs": {"/t"}, "tty": {"true"}, "ulimit": {"nofile=50:60"}, "user": {"app", "nosuch"}, "uts": {"host"}, "volume": {"/v", "./rel:/rel"},
	"volumes-from": {"{other}"}, "workdir": {"/tmp"},
}

// drawRun draws a task that can be run: it says that it is ready, waits for a word and ends in one way or another.
func drawRun(t *rapid.T) assignment {
	a := plainTask()
	a.hostMemory = 8 << 30
	docker := a.Info.Container.Docker
	docker.Network = oneOf(t, "network", mesos.ContainerInfo_DockerInfo_HOST, mesos.ContainerInfo_DockerInfo_BRIDGE, mesos.ContainerInfo_DockerInfo_BRIDGE,
		mesos.ContainerInfo_DockerInfo_USER, mesos.ContainerInfo_DockerInfo_NONE).Enum()
	switch docker.GetNetwork() {
	case mesos.ContainerInfo_DockerInfo_USER:
		a.Info.Container.NetworkInfos = []mesos.NetworkInfo{{Name: pointer("{net}")}}
		fallthrough
	case mesos.ContainerInfo_DockerInfo_BRIDGE:
		a.Info.Container.Hostname = optional(t, "hostname", rapid.Just("web"))
		a.Info.Resources = []mesos.Resource{{Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 1, End: 65535}}}}}
		for i := range oneOf[uint32](t, "ports", 0, 1, 2) {
			docker.PortMappings = append(docker.PortMappings, mesos.ContainerInfo_DockerInfo_PortMapping{
				ContainerPort: 80 + i, Protocol: optional(t, "protocol", rapid.SampledFrom([]string{"tcp", "udp"}))})
		}
	}
	addScalar(&a, "cpus", 0.1)
	addScalar(&a, "mem", 32)
	end := oneOf(t, "end", "exit 0", "exit 3", "echo failure >&2; exit 1", "env | grep -v _CONTAINER_NAME= | sort", "cat /proc/mounts | wc -l; hostname | wc -l", "exec /nosuch")
	a.Info.Command.Value = pointer("echo ready; read -r word </mnt/mesos/sandbox/go; " + end)
	if seldom(t, 10, "a program that is not there") {
		a.Info.Command = &mesos.CommandInfo{Shell: new(bool), Value: pointer("/nosuch")}
	}
	keys := make([]string, 0, len(runValues))
	for key := range runValues {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for range oneOf(t, "parameters", 0, 1, 2, 2, 3) {
		key := rapid.SampledFrom(keys).Draw(t, "key")
		withParameter(key, rapid.SampledFrom(runValues[key]).Draw(t, "value"))(&a)
	}
	return a
}

// ran is how a task went.
type ran struct {
	Network inspected // NetworkSettings while it ran
	Stdout  string
	Stderr  string
	Code    int64
	Error   string // why it was not started
	State   string // when it had ended
}

// TestRunning runs tasks on both sides and compares the networks of the running containers, what they write and how they end.
func TestRunning(t *testing.T) {
	b := newBench(t)
	var group sync.WaitGroup
	tasks := make(chan assignment)
	generated := rapid.Custom(drawRun)
	for range workers {
		group.Go(func() {
			for a := range tasks {
				b.compareRun(t, a)
			}
		})
	}
	for i := range max(*tasksFlag/10, 6) {
		tasks <- generated.Example(i)
	}
	close(tasks)
	group.Wait()
}

// compareRun runs one task on both sides, one after the other: they use the same ports and addresses.
func (b *bench) compareRun(t *testing.T, a assignment) {
	number := b.serial.Add(1)
	a = b.place(a)
	a.api = b.engine.ClientVersion()
	a.SandboxDirectory = filepath.Join(b.directory, fmt.Sprintf("run%d", number))
	if err := os.Mkdir(a.SandboxDirectory, 0o755); err != nil {
		t.Error(err)
		return
	}
	fifo := filepath.Join(a.SandboxDirectory, "go")
	if err := errors.Join(unix.Mkfifo(fifo, 0o666), os.Chmod(fifo, 0o666)); err != nil {
		t.Error(err)
		return
	}
	for i := range a.Info.Container.Docker.PortMappings {
		a.Info.Container.Docker.PortMappings[i].HostPort = freePort(t)
	}
	// One at a time has the address that a parameter may ask for.
	if slices.ContainsFunc(a.Info.Container.Docker.Parameters, func(p mesos.Parameter) bool { return p.Key == "ip" || p.Key == "mac-address" }) {
		b.address.Lock()
		defer b.address.Unlock()
	}
	restated := clone(a)
	for _, d := range differences {
		if d.restate != nil {
			d.restate(&restated)
		}
	}
	a.Name, restated.Name = b.names()
	ours, theirs := b.runOurs(t, a), b.runTheirs(t, restated)
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("task %d: a run by the docker command (-) and by us (+) differ:\n%s\n%s", number, diff, describe(b, a))
	}
	t.Logf("task %d: exit code %d, state %s, error %q", number, ours.Code, ours.State, ours.Error)
}

// runTheirs runs the docker command to its end.
func (b *bench) runTheirs(t *testing.T, a assignment) (r ran) {
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	line, err := stock(a)
	if err != nil {
		return ran{Error: err.Error()}
	}
	command := b.dockerCommand(ctx, a.SandboxDirectory, slices.Concat(
		[]string{"run", "--pull=never", "--name=" + a.Name, "--label=" + labelOf(b)}, line)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Error(err)
		return r
	}
	r.Stdout = b.talk(ctx, t, a, stdout, &r)
	if err := command.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Error(err)
	}
	r.Code, r.Stderr = int64(command.ProcessState.ExitCode()), stderr.String()
	b.ended(ctx, t, a.Name, &r)
	if text, found := strings.CutPrefix(r.Stderr, "docker: "); found || r.Code == 125 {
		r.Error, r.Stderr, r.Code = plainError(complaint(text), a), "", 0
	}
	return r
}

// runOurs creates what we make of a task, attaches and starts it.
func (b *bench) runOurs(t *testing.T, a assignment) (r ran) {
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	created := b.ours(ctx, t, a)
	if created.refusal != nil {
		var fault *runspec.Error
		if errors.As(created.refusal, &fault) {
			return ran{Error: plainError(fault.Text, a)}
		}
		return ran{Error: plainError(created.refusal.Error(), a)}
	}
	attached, err := b.engine.ContainerAttach(ctx, created.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		t.Error(err)
		return r
	}
	defer attached.Close()
	waiting, failed := b.engine.ContainerWait(ctx, created.id, container.WaitConditionNextExit)
	if err := b.engine.ContainerStart(ctx, created.id, container.StartOptions{}); err != nil {
		b.ended(ctx, t, a.Name, &r)
		r.Error = plainError(err.Error(), a)
		cancel()
		select { // the client waits until a goroutine takes the answer
		case <-waiting:
		case <-failed:
		}
		return r
	}
	var stderr bytes.Buffer
	var stdout io.Reader = attached.Reader
	if !created.spec.TTY {
		reader, writer := io.Pipe()
		go func() {
			_, err := stdcopy.StdCopy(writer, &stderr, attached.Reader)
			writer.CloseWithError(err)
		}()
		stdout = reader
	}
	r.Stdout = b.talk(ctx, t, a, stdout, &r)
	r.Stderr = stderr.String()
	select {
	case exit := <-waiting:
		r.Code = exit.StatusCode
	case err := <-failed:
		t.Error(err)
	}
	b.ended(ctx, t, a.Name, &r)
	return r
}

// talk reads what a task writes. When it is ready, the container is inspected and the task told to go on.
func (b *bench) talk(ctx context.Context, t *testing.T, a assignment, stdout io.Reader, r *ran) string {
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	id := ""
	if err == nil && strings.TrimSpace(first) == "ready" {
		id = b.identify(ctx, t, a.Name)
		r.Network = inspected{"NetworkSettings": b.inspect(ctx, t, id, a.Name)["NetworkSettings"]}
		hideInvented(r.Network, a)
		if err := os.WriteFile(filepath.Join(a.SandboxDirectory, "go"), []byte("on\n"), 0); err != nil {
			t.Error(err)
		}
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Errorf("reading a task's output: %v", err)
	}
	if id == "" {
		return first + string(rest)
	}
	return first + strings.ReplaceAll(string(rest), id[:12], "ID") // the name of its host
}

func (b *bench) identify(ctx context.Context, t *testing.T, name string) string {
	inspect, err := b.engine.ContainerInspect(ctx, name)
	if err != nil {
		t.Error(err)
		return strings.Repeat("0", 64)
	}
	return inspect.ID
}

// ended notes the container's state and has it removed. There may be none.
func (b *bench) ended(ctx context.Context, t *testing.T, name string, r *ran) {
	inspect, err := b.engine.ContainerInspect(ctx, name)
	if err != nil {
		return
	}
	r.State = fmt.Sprintf("%s, code %d, OOM %v", inspect.State.Status, inspect.State.ExitCode, inspect.State.OOMKilled)
	b.remove(t, inspect.ID)
}

// invented are values that the Engine gives to each container anew.
var invented = regexp.MustCompile(`^(Global)?(IPAddress|IPv6Address|MacAddress|SandboxKey)$`)

// hideInvented leaves of addresses only that there is one, unless the task chose it, and of ports that they are any.
func hideInvented(value any, a assignment) {
	object, ok := value.(map[string]any)
	if i, is := value.(inspected); is {
		object, ok = i, true
	}
	if !ok {
		return
	}
	for key, element := range object {
		text, _ := element.(string)
		chosen := slices.ContainsFunc(a.Info.Container.Docker.Parameters, func(p mesos.Parameter) bool { return p.Value == text })
		if invented.MatchString(key) && text != "" && !chosen {
			object[key] = "ANY"
		}
		if bindings, ok := element.([]any); ok && strings.Contains(key, "/") {
			for _, binding := range bindings {
				hidePort(binding, a)
			}
		}
		hideInvented(element, a)
	}
}

func hidePort(binding any, a assignment) {
	object, _ := binding.(map[string]any)
	for _, m := range a.Info.Container.Docker.PortMappings {
		if object["HostPort"] == fmt.Sprint(m.HostPort) {
			return
		}
	}
	object["HostPort"] = "ANY"
}

// plainError is a refusal without what differs between two containers, and between releases of the docker command.
func plainError(text string, a assignment) string {
	text = strings.ReplaceAll(text, a.Name, "NAME")
	text = random.ReplaceAllString(text, "RANDOM")
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), "."))
}

// freePort is a port nobody listens on.
func freePort(t *testing.T) uint32 {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return 0
	}
	defer listener.Close()
	return uint32(listener.Addr().(*net.TCPAddr).Port)
}
