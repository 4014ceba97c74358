package containerizer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// gpuEngine is the real Engine, but for this: once told to, it says that it has NVIDIA's runtime, and it keeps what it was asked to
// create and creates it without the requests for devices, which it could not fulfil.
type gpuEngine struct {
	socket string

	mu      sync.Mutex // guards what follows
	hasGPUs bool
	created []container.HostConfig
	before  func() // before the next create; nil for nothing
}

func newGPUEngine(t *testing.T) *gpuEngine {
	t.Helper()
	real := environment.Socket(t)
	g := &gpuEngine{socket: filepath.Join(t.TempDir(), "engine.sock")}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", real)
	}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	proxy.Transport = transport
	proxy.FlushInterval = -1
	proxy.ModifyResponse = g.answer
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.note(t, r)
		proxy.ServeHTTP(w, r)
	}))
	server.Listener.Close()
	var err error
	if server.Listener, err = net.Listen("unix", g.socket); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return g
}

func (g *gpuEngine) note(t *testing.T, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/containers/create") {
		return
	}
	var asked struct{ HostConfig container.HostConfig }
	whole := map[string]any{}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = errors.Join(json.Unmarshal(body, &asked), json.Unmarshal(body, &whole))
	}
	if err != nil {
		t.Error(err)
		return
	}
	delete(whole["HostConfig"].(map[string]any), "DeviceRequests")
	if body, err = json.Marshal(whole); err != nil {
		t.Error(err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.created = append(g.created, asked.HostConfig)
	if g.before != nil {
		g.before()
		g.before = nil
	}
}

func (g *gpuEngine) answer(r *http.Response) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.hasGPUs || !strings.HasSuffix(r.Request.URL.Path, "/info") {
		return nil
	}
	info := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&info); err != nil {
		return err
	}
	info["Runtimes"].(map[string]any)["nvidia"] = map[string]string{"path": "nvidia-container-runtime"}
	body, err := json.Marshal(info)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Length")
	return nil
}

// createWithGPUs has another client create a container with devices when a task's is about to be created: after it was decided what that gets.
func (h *host) createWithGPUs(g *gpuEngine, uuids ...string) (name string) {
	h.t.Helper()
	name = strings.ToLower(h.t.Name()) + "-somebodys"
	tag := environment.Busybox(h.t)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = func() {
		requests := []container.DeviceRequest{{Driver: "nvidia", DeviceIDs: uuids, Capabilities: [][]string{{"gpu"}}}}
		if _, err := h.docker.ContainerCreate(context.Background(), &container.Config{Image: tag}, &container.HostConfig{Resources: container.Resources{DeviceRequests: requests}}, nil, nil, name); err != nil {
			h.t.Error(err)
		}
	}
	h.t.Cleanup(func() { h.docker.ContainerRemove(context.Background(), name, container.RemoveOptions{Force: true}) })
	return name
}

// A task that wants GPUs is refused in words where there are none. Where NVIDIA's driver has some, each gets its own by uuid, says
// which, and holds it until it ends, also over a restart of the daemon; who finds none free is told who has them.
func TestGPUs(t *testing.T) {
	g, driver := newGPUEngine(t), t.TempDir()
	for i, uuid := range []string{"GPU-a", "GPU-b"} {
		directory := filepath.Join(driver, fmt.Sprintf("0000:0%d:00.0", i))
		information := fmt.Sprintf("Model: X\nGPU UUID: \t %s\nDevice Minor: \t %d\n", uuid, i)
		if err := errors.Join(os.Mkdir(directory, 0o755), os.WriteFile(directory+"/information", []byte(information), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHost(t, func(o *Options) {
		e, err := engine.New(engine.Options{Socket: g.socket, Logger: o.Logger})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		o.Engine, o.GPUs = e, gpu.NewBook(e, driver, o.Logger)
	})
	launch := func(name, line string, gpus float64) *executor {
		e := h.newExecutor()
		e.conn.Close()
		e.attach.Executor += "-" + name // a session of its own
		e.connect(h.socket)
		task := dockerTask(t, environment.Busybox(t), line)
		task.TaskID.Value = name
		task.Resources = append(task.Resources, scalar("gpus", gpus))
		e.launch(task)
		return e
	}
	refused := func(fault wire.Fault, name string, gpus float64, words ...string) {
		t.Helper()
		e := launch(name, "true", gpus)
		exit := e.awaitExit()
		if exit.Outcome != wire.OutcomeFailed || exit.Fault != fault {
			t.Errorf("exit %+v", exit)
		}
		mustName(t, exit.Message, words...)
		e.done()
	}
	refused(wire.FaultTask, "none", 1, "GPUs cannot be had", "2 GPUs of NVIDIA are there, and the Engine has neither CDI devices for them", "nor NVIDIA's runtime")
	g.mu.Lock()
	g.hasGPUs = true // as after an installation
	g.mu.Unlock()
	h.restart()
	refused(wire.FaultTask, "many", 3, "asks for 3 GPUs", "this host has GPU-a, GPU-b")

	a, b := launch("a", "sleep 1000", 1), launch("b", "sleep 1000", 1)
	notes := []string{a.awaitRunning().Note, b.awaitRunning().Note}
	slices.Sort(notes) // the two decide at the same time
	if diff := cmp.Diff([]string{"GPUs: GPU-a", "GPUs: GPU-b"}, notes); diff != "" {
		t.Error(diff)
	}
	refused(wire.FaultHost, "c", 1, "asks for 1 GPUs, and 0 of 2 are free", "GPU-a is held by task ", "GPU-b is held by task ", "of framework framework (container mdc-")
	h.options.GPUs = gpu.NewBook(h.options.Engine, driver, h.options.Logger) // nothing is kept in memory
	h.restart()
	a.reconnect(h.socket)
	b.reconnect(h.socket)
	if note := a.awaitRunning().Note; note != notes[0] && note != notes[1] {
		t.Errorf("after a restart %q", note)
	}
	b.awaitRunning()
	refused(wire.FaultHost, "d", 2, "0 of 2 are free")
	a.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	a.awaitExit()
	e := launch("e", "true", 1) // the moment the end was told
	if note := e.awaitRunning().Note; note != a.running.Note {
		t.Errorf("%q, want %q, which is free again", note, a.running.Note)
	}
	e.awaitExit()
	b.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	b.awaitExit()
	for _, each := range []*executor{a, b, e} {
		each.done()
	}
	other := h.createWithGPUs(g, "GPU-a", "GPU-b")
	refused(wire.FaultHost, "f", 1, "GPUs of the container (GPU-a) were given away twice at the same time", "held by container "+other+", which is not this daemon's")
	h.awaitNoContainers()
	g.mu.Lock()
	defer g.mu.Unlock()
	var ids []string
	for _, created := range g.created {
		for _, r := range created.DeviceRequests {
			if r.Driver != "nvidia" || r.Count != 0 || len(r.DeviceIDs) != 1 || !slices.Equal(r.Capabilities[0], []string{"gpu"}) {
				t.Errorf("asked for %+v", r)
			}
			ids = append(ids, r.DeviceIDs...)
		}
	}
	if len(g.created) != 4 || len(ids) != 4 || ids[0] == ids[1] {
		t.Errorf("%d containers with %v", len(g.created), ids)
	}
}
