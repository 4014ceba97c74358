package containerizer

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// gpuEngine is the real Engine, but for two things: once told to, it says that it has NVIDIA's runtime, and it keeps what it was
// asked to create.
type gpuEngine struct {
	socket string

	mu      sync.Mutex // guards what follows
	hasGPUs bool
	created []container.HostConfig
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
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var asked struct{ HostConfig container.HostConfig }
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		t.Error(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.created = append(g.created, asked.HostConfig)
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

// Without a GPU runtime a task that wants GPUs is refused in words; with one the Engine is asked for them. That the Engine of
// these tests cannot give any is its own answer.
func TestGPUs(t *testing.T) {
	g := newGPUEngine(t)
	h := newHost(t, func(o *Options) {
		e, err := engine.New(engine.Options{Socket: g.socket, Logger: o.Logger})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		o.Engine = e
	})
	e := h.newExecutor()
	task := dockerTask(t, environment.Busybox(t), "true")
	task.Resources = append(task.Resources, scalar("gpus", 2))
	e.launch(task)
	exit := e.awaitExit()
	if exit.Outcome != wire.OutcomeFailed || exit.Fault != wire.FaultTask || len(g.created) != 0 {
		t.Errorf("exit %+v, %d containers", exit, len(g.created))
	}
	mustName(t, exit.Message, "asks for 2 GPUs", "no GPU runtime", "resources.gpus")
	e.done()

	g.mu.Lock()
	g.hasGPUs = true // as after an installation and a restart of the Engine
	g.mu.Unlock()
	h.restart()
	e = h.newExecutor()
	e.launch(task)
	exit = e.awaitExit()
	mustName(t, exit.Message, "start container", "Error response from daemon")
	e.done()
	h.awaitNoContainers()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.created) != 1 {
		t.Fatalf("%d containers were created", len(g.created))
	}
	want := []container.DeviceRequest{{Count: 2, Capabilities: [][]string{{"gpu"}}, Options: map[string]string{}}}
	if diff := cmp.Diff(want, g.created[0].DeviceRequests); diff != "" {
		t.Errorf("device requests, want (-), got (+):\n%s", diff)
	}
}
