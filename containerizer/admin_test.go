package containerizer

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// An admin sees each task with what it is doing at the moment.
func TestAdminSeesTasks(t *testing.T) {
	h := newHost(t)
	socket := filepath.Join(t.TempDir(), protocol.AdminSocket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	mux := http.NewServeMux()
	h.server.HandleAdmin(mux)
	go func() { served <- ServeAdmin(ctx, listener, mux) }()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	ask := func() []TaskReport {
		t.Helper()
		answer, err := (&http.Client{Transport: transport}).Get("http://daemon/tasks")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var reports []TaskReport
		if err := json.NewDecoder(answer.Body).Decode(&reports); err != nil {
			t.Fatal(err)
		}
		return reports
	}
	if reports := ask(); reports == nil || len(reports) != 0 {
		t.Errorf("without tasks: %+v", reports)
	}

	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	other := *e
	puller := &other
	puller.attach.Executor, puller.output = t.Name()+"-2", nil
	puller.connect(h.socket)
	defer puller.conn.Close()
	task := dockerTask(t, silentRegistry(t)+"/app:1", "true")
	task.TaskID.Value = "a-puller"
	puller.launch(task)

	eventually(t, "both states", func() bool {
		r := ask()
		return len(r) == 2 && r[1].Task == "a-puller" && strings.HasPrefix(r[1].Doing, "pulling ") && r[0].State == StateRunning
	})
	r := ask()[0]
	if r.Task != t.Name() || r.Framework != "framework" || r.Route != "custom" || r.PID == 0 || !strings.HasPrefix(r.Container, "mdc-") ||
		time.Since(r.Since) > patience || r.Started.IsZero() || r.Started.Before(r.Created) || r.Image == "" || r.ContainerID == "" || r.Health != "" {
		t.Errorf("report %+v", r)
	}
	for _, e := range []*executor{e, puller} {
		e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
		e.awaitExit()
		e.done()
	}
	h.awaitNoContainers()
	eventually(t, "the tasks to go", func() bool { return len(ask()) == 0 })
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
