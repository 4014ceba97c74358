package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// host is a machine as operators have it: the daemon a process of its own, executors started by an agent. The agent is in this
// process.
type host struct {
	directory string
	programs  string
	docker    string // the Engine's socket
	image     string
	engine    *engine.Client
	agent     *localagent.Agent
	daemon    *exec.Cmd
	next      int
}

// newHost starts daemon and agent.
func newHost(ctx context.Context, programs string) (_ *host, err error) {
	h := &host{}
	if h.programs, err = filepath.Abs(programs); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	var ok bool
	if h.docker, ok = strings.CutPrefix(environment.Host(), "unix://"); !ok {
		return nil, fmt.Errorf("the Engine must be at a Unix socket, not at %s", environment.Host())
	}
	if h.directory, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	if h.engine, err = engine.New(engine.Options{Socket: h.docker, Logger: zap.NewNop()}); err != nil {
		return nil, err
	}
	if h.image, err = environment.Shell(ctx, environment.Host()); err != nil {
		return nil, err
	}
	if err := h.startDaemon(ctx); err != nil {
		return nil, err
	}
	h.agent, err = localagent.New(localagent.Options{
		WorkDir: filepath.Join(h.directory, "work"), RegistrationTimeout: 5 * time.Minute,
	})
	return h, err
}

func (h *host) socket() string { return filepath.Join(h.directory, "executor.sock") }

func (h *host) startDaemon(ctx context.Context) error {
	daemon, err := environment.Start(ctx, h.directory, filepath.Join(h.programs, "mesos-docker-containerizer"), "serve",
		"--docker_socket="+h.docker, "--socket="+h.socket(), "--run_dir="+filepath.Join(h.directory, "run"))
	if err != nil {
		return err
	}
	h.daemon = daemon
	for range 100 {
		if _, err := os.Stat(h.socket()); err == nil {
			return nil
		}
		pause(ctx, 50*time.Millisecond)
	}
	text, _ := os.ReadFile(filepath.Join(h.directory, "mesos-docker-containerizer.log"))
	return fmt.Errorf("the daemon does not listen:\n%s", text)
}

// close leaves nothing behind.
func (h *host) close() {
	if h.agent != nil {
		h.agent.Close()
	}
	if h.engine != nil {
		h.engine.Close()
	}
	h.stopDaemon()
	os.RemoveAll(h.directory)
}

func (h *host) stopDaemon() {
	if h.daemon != nil {
		h.daemon.Process.Signal(os.Interrupt)
		h.daemon.Wait()
		h.daemon = nil
	}
}

// obedient ends at once when it is asked to.
const obedient = "trap 'exit 0' TERM; sleep 100000 & wait"

// task is a new task; every one has a resource for a port, which bridged ones map.
func (h *host) task(bridge bool) mesos.TaskInfo {
	h.next++
	docker := mesos.ContainerInfo_DockerInfo{Image: h.image, Network: mesos.ContainerInfo_DockerInfo_HOST.Enum()}
	port := uint32(20000 + h.next%10000)
	if bridge {
		docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
		docker.PortMappings = []mesos.ContainerInfo_DockerInfo_PortMapping{{HostPort: port, ContainerPort: 80}}
	}
	id := fmt.Sprintf("bench-%d", h.next)
	docker.Parameters = []mesos.Parameter{{Key: "label", Value: "MESOS_TASK_ID=" + id}} // as Marathon does
	return mesos.TaskInfo{
		Name: id, TaskID: mesos.TaskID{Value: id}, AgentID: mesos.AgentID{Value: "bench"},
		Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &docker},
		Command:   &mesos.CommandInfo{Value: new(obedient)},
		Resources: []mesos.Resource{
			{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 0.1}},
			{Name: "mem", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 32}},
			{Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: uint64(port), End: uint64(port)}}}},
		},
	}
}

// start has the agent start the task's executor.
func (h *host) start(task mesos.TaskInfo) (*localagent.Task, error) {
	return h.agent.Launch(localagent.LaunchRequest{
		Task: task, Path: filepath.Join(h.programs, "mesos-docker-executor"), Args: []string{"--socket=" + h.socket()},
	})
}

// spec is what the daemon would ask the Engine for; the baseline asks for the same.
func (h *host) spec(ctx context.Context, task mesos.TaskInfo) (*runspec.Spec, error) {
	sandbox := filepath.Join(h.directory, "sandboxes", task.TaskID.Value)
	if err := os.MkdirAll(sandbox, 0o755); err != nil {
		return nil, err
	}
	return runspec.Translate(ctx, runspec.Task{
		Info: task, Name: barePrefix + task.TaskID.Value, SandboxDirectory: sandbox, MappedDirectory: "/mnt/mesos/sandbox",
	}, runspec.Options{LogDriver: "local", LogOpts: map[string]string{"max-size": "5m", "max-file": "2", "compress": "false"}})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// barePrefix begins the names of the baseline's containers.
const barePrefix = "bare-"

func isBare(name string) bool { return strings.HasPrefix(strings.TrimPrefix(name, "/"), barePrefix) }

func within(directory, path string) bool { return strings.HasPrefix(path, directory+"/") }
