package doctor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/goleak"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// host is a machine on which all is well, made of fakes. Tests spoil one thing.
type host struct {
	t    *testing.T
	root string
	Options

	etc            map[string]string // files of /etc, by path below it
	args           []string          // of the doctor's command line
	agentFlags     map[string]string
	agentPages     map[string]http.HandlerFunc
	version, info  string // what the Engine answers
	tasks, metrics string // what the daemon answers
	settings       string
}

func newHost(t *testing.T) *host {
	t.Helper()
	root, err := os.MkdirTemp("", "doctor-")
	must(t, err, os.Chmod(root, 0o755))
	t.Cleanup(func() { os.RemoveAll(root) })
	h := &host{
		t: t, root: root,
		etc:      map[string]string{},
		version:  `{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}`,
		info:     `{"Driver":"overlay2","DockerRootDir":` + fmt.Sprintf("%q", root) + `,"CgroupVersion":"1","LiveRestoreEnabled":true,"MemoryLimit":true,"CpuCfsQuota":true,"SystemTime":"NOW"}`,
		tasks:    `[]`,
		settings: `{"settings":[],"differences":[]}`,
		metrics:  "# HELP x\nmesos_docker_containerizer_build_info{goversion=\"go1\",version=\"v1\"} 1\n",
		agentFlags: map[string]string{
			"containerizers": "docker,mesos", "launcher_dir": h0(root, "overlay"), "docker": h0(root, "overlay/docker"),
			"docker_socket": h0(root, "docker.sock"), "work_dir": root, "sandbox_directory": "/mnt/mesos/sandbox",
			"executor_registration_timeout": "1mins", "docker_remove_delay": "360mins", "docker_kill_orphans": "true",
			"cgroups_enable_cfs": "false", "executor_shutdown_grace_period": "5secs", "docker_stop_timeout": "0ns",
		},
	}
	h.Options = Options{
		Version: "v1", API: "1.51", Overlay: h0(root, "overlay"), AdminSocket: h0(root, "admin.sock"), Containers: containers{}, AgentInstalled: true,
		Executor: h0(root, "ours/mesos-docker-executor"), Docker: h0(root, "ours/docker"),
		Systemctl: h.script("systemctl", `case $1 in is-enabled) echo enabled;; is-active) echo active;; show) echo 0;; esac`),
	}
	h.script("ours/mesos-docker-executor", "echo mesos-docker-executor v1")
	h.script("ours/docker", "echo Docker version 28.5.2, build v1")
	h.script("stock/mesos-docker-executor", "exit 1")
	h.script("stock/mesos-executor", "exit 1")
	must(t, os.Mkdir(h.Overlay, 0o755), overlay.WriteRecord(h.Overlay, overlay.Record{Stock: h0(root, "stock")}))
	_, err = overlay.Overlay{Path: h.Overlay, Stock: h0(root, "stock"), Executor: h.Executor, Docker: h.Docker}.Apply()
	must(t, err)
	h.etc["mesos-slave/work_dir"] = root
	h.etc["mesos-slave/docker_socket"] = h0(root, "docker.sock")
	h.etc["mesos-slave/containerizers"] = "mesos,docker"
	h.etc["mesos-slave/launcher_dir"] = h.Overlay
	h.etc["mesos-docker-containerizer/socket"] = h0(root, "executor.sock")
	return h
}

func h0(root, path string) string { return filepath.Join(root, path) }

func (h *host) script(path, text string) string {
	h.t.Helper()
	path = filepath.Join(h.root, path)
	must(h.t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

// listen serves at a Unix socket of the host's.
func (h *host) listen(path string, handler http.Handler) {
	h.t.Helper()
	listener, err := net.Listen("unix", path)
	must(h.t, err, os.Chmod(path, 0o600))
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	h.t.Cleanup(server.Close)
}

func text(answer *string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(*answer)) }
}

// serve starts all that answers on the host.
func (h *host) serve() {
	h.t.Helper()
	docker, daemon := http.NewServeMux(), http.NewServeMux()
	docker.Handle("/version", text(&h.version))
	docker.HandleFunc("/info", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(strings.Replace(h.info, "NOW", time.Now().Format(time.RFC3339Nano), 1)))
	})
	h.listen(h0(h.root, "docker.sock"), docker)
	daemon.Handle("/tasks", text(&h.tasks))
	daemon.Handle("/metrics", text(&h.metrics))
	daemon.Handle("/config", text(&h.settings))
	h.listen(h.AdminSocket, daemon)
	h.listen(h0(h.root, "executor.sock"), http.NewServeMux())
	flags := "{\"flags\":{"
	for name, value := range h.agentFlags {
		flags += fmt.Sprintf("%q:%q,", name, value)
	}
	flags += `"quiet":"false"}}`
	version := `{"version":"1.11.0"}`
	agent := http.NewServeMux()
	pages := map[string]http.HandlerFunc{"/version": text(&version), "/flags": text(&flags)}
	for path, page := range h.agentPages {
		pages[path] = page
	}
	for path, page := range pages {
		agent.Handle(path, page)
	}
	server := httptest.NewServer(agent)
	h.t.Cleanup(server.Close)
	h.Agent = liveagent.New(server.Listener.Addr().String())
}

// look makes all checks, and returns them by name.
func (h *host) look() (Report, map[string]Check) {
	h.t.Helper()
	for path, content := range h.etc {
		path = filepath.Join(h.root, "etc", path)
		must(h.t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600))
	}
	c, _, err := config.Load(config.Options{Root: h.root, Args: h.args, Tolerant: true})
	must(h.t, err)
	h.Config = c
	report := Run(h.t.Context(), h.Options)
	byName := map[string]Check{}
	for _, check := range report.Checks {
		byName[check.Name] = check
	}
	return report, byName
}

// containers are the Engine's.
type containers []engine.Container

func (all containers) List(context.Context, string) ([]container.Summary, error) {
	var list []container.Summary
	for _, c := range all {
		list = append(list, container.Summary{ID: c.ID, Names: []string{c.Name}, Labels: c.Config.Labels, State: c.State.Status})
	}
	return list, nil
}

func (all containers) Inspect(_ context.Context, id string) (engine.Container, error) {
	for _, c := range all {
		if c.ID == id {
			return c, nil
		}
	}
	return engine.Container{}, errors.New("there is no such container")
}

// gpus gives the Engine, which is older than API 1.50, a CDI file with these devices.
func (h *host) gpus(devices string) {
	directory := h0(h.root, "cdi")
	must(h.t, os.MkdirAll(directory, 0o755),
		os.WriteFile(directory+"/test.json", []byte(`{"cdiVersion":"0.6.0","kind":"test.example/gpu","devices":[`+devices+`]}`), 0o644))
	h.info = fmt.Sprintf(`{"Driver":"overlay2","CgroupVersion":"1","LiveRestoreEnabled":true,"SystemTime":"NOW","CDISpecDirs":[%q]}`, directory)
}

// remap has the Engine remap users.
func (h *host) remap() {
	h.info = `{"SecurityOptions":["name=seccomp,profile=builtin","name=userns"],"DockerRootDir":"/var/lib/docker/300000.300000"}`
}
