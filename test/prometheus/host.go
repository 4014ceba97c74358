package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// host is a daemon, an agent in this process, and a Prometheus that scrapes the daemon.
type host struct {
	directory           string
	image               string
	engine              int // the pid of the private Engine
	metrics, prometheus string
	daemon, server      *exec.Cmd
	agent               *localagent.Agent
}

// newHost starts all of it. The Engine has to be the private one of with-engine, for it will be stopped.
func newHost(ctx context.Context) (_ *host, err error) {
	h := &host{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	socket := strings.TrimPrefix(environment.Host(), "unix://")
	text, err := os.ReadFile(filepath.Join(filepath.Dir(socket), "docker.pid"))
	if err != nil {
		return nil, fmt.Errorf("a private Engine is needed, since it is stopped: %w", err)
	}
	if h.engine, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return nil, err
	}
	if h.directory, err = os.MkdirTemp("", "prometheus"); err != nil {
		return nil, err
	}
	if h.image, err = environment.Shell(ctx, environment.Host()); err != nil {
		return nil, err
	}
	for _, address := range []*string{&h.metrics, &h.prometheus} {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	if h.daemon, err = environment.Start(ctx, h.directory, "build/mesos-docker-containerizer", "serve", "--docker_socket="+socket, "--socket="+h.socket(),
		"--run_dir="+filepath.Join(h.directory, "run"), "--metrics_address="+h.metrics, "--metrics_apps=200"); err != nil {
		return nil, err
	}
	if err := h.startPrometheus(ctx); err != nil {
		return nil, err
	}
	if h.agent, err = localagent.New(localagent.Options{WorkDir: filepath.Join(h.directory, "work")}); err != nil {
		return nil, err
	}
	return h, h.await(ctx, "the first scrape", func(ctx context.Context) error {
		n, err := h.query(ctx, "mesos_docker_containerizer_engine_up == 1")
		if err == nil && n == 0 {
			err = errors.New("the Prometheus has nothing of the daemon")
		}
		return err
	})
}

func (h *host) socket() string { return filepath.Join(h.directory, "executor.sock") }

// startTasks runs one task with a health check, and one app that fails until its alert has reason to fire.
func (h *host) startTasks(ctx context.Context) error {
	web := h.task("web", "/test/web", "sleep 100000")
	interval, probe := 1.0, "true"
	web.HealthCheck = &mesos.HealthCheck{Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{Value: &probe}, IntervalSeconds: &interval}
	if _, err := h.launch(web); err != nil {
		return err
	}
	const failures = 10
	for i := range failures {
		task, err := h.launch(h.task(fmt.Sprint("crash-", i), "/test/crash", "exit 1"))
		if err != nil {
			return err
		}
		for range task.Updates(ctx) { // to its end
		}
	}
	return nil
}

func (h *host) task(id, app, line string) mesos.TaskInfo {
	docker := mesos.ContainerInfo_DockerInfo{Image: h.image, Network: mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()}
	return mesos.TaskInfo{
		Name: id, TaskID: mesos.TaskID{Value: id}, AgentID: mesos.AgentID{Value: "test"},
		Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &docker},
		Command: &mesos.CommandInfo{Value: &line, Environment: &mesos.Environment{
			Variables: []mesos.Environment_Variable{{Name: "MARATHON_APP_ID", Value: &app}},
		}},
		Resources: []mesos.Resource{
			{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 0.1}},
			{Name: "mem", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 32}},
		},
	}
}

func (h *host) launch(task mesos.TaskInfo) (*localagent.Task, error) {
	executor, err := filepath.Abs("build/mesos-docker-executor")
	if err != nil {
		return nil, err
	}
	return h.agent.Launch(localagent.LaunchRequest{Task: task, Path: executor, Args: []string{"--socket=" + h.socket()}})
}

// signalEngine sends a signal to the Engine.
func (h *host) signalEngine(s syscall.Signal) error { return syscall.Kill(h.engine, s) }

// close ends all of it. Containers go with the private Engine.
func (h *host) close() {
	if h.engine != 0 {
		_ = h.signalEngine(syscall.SIGCONT)
	}
	if h.agent != nil {
		h.agent.Close()
	}
	for _, c := range []*exec.Cmd{h.daemon, h.server} {
		if c != nil {
			_ = c.Process.Signal(os.Interrupt)
			_ = c.Wait()
		}
	}
	os.RemoveAll(h.directory)
}
