package containerizer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// An admin sees each task with what it is doing at the moment.
func TestAdminSeesTasks(t *testing.T) {
	h := newHost(t)
	socket, stop := h.serveAdmin()
	ask := func() (reports []TaskReport) {
		t.Helper()
		if status := askAdmin(t, socket, http.MethodGet, "/tasks", nil, &reports); status != http.StatusOK {
			t.Fatal(status)
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

	environment.Eventually(t, patience, "both states", func() bool {
		r := ask()
		return len(r) == 2 && r[1].Task == "a-puller" && strings.HasPrefix(r[1].Doing, "pulling ") && r[0].State == StateRunning
	})
	r := ask()[0]
	if r.Task != t.Name() || r.Framework != "framework" || r.Route != "custom" || r.PID == 0 || !strings.HasPrefix(r.Container, "mdc-") ||
		time.Since(r.Since) > patience || r.Started.IsZero() || r.Started.Before(r.Created) || r.Image == "" || r.ContainerID == "" || r.Health != "" {
		t.Errorf("report %+v", r)
	}
	for _, e := range []*executor{e, puller} {
		e.end()
	}
	h.awaitNoContainers()
	environment.Eventually(t, patience, "the tasks to go", func() bool { return len(ask()) == 0 })
	stop()
}

// serveAdmin answers admins at a socket until stop is called.
func (h *host) serveAdmin() (socket string, stop func()) {
	h.t.Helper()
	socket = filepath.Join(h.t.TempDir(), protocol.AdminSocket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	mux := http.NewServeMux()
	h.server.HandleAdmin(mux)
	go func() { served <- ServeAdmin(ctx, listener, mux) }()
	return socket, func() {
		cancel()
		if err := <-served; err != nil {
			h.t.Error(err)
		}
	}
}

// askAdmin asks at the socket and decodes the answer, if it is one.
func askAdmin(t *testing.T, socket, method, path string, body, answer any) (status int) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	request, err := http.NewRequest(method, "http://daemon"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// An admin runs a command, reads the log, inspects and stops. Nothing of it goes behind the executor's back.
func TestAdminSteers(t *testing.T) {
	h := newHost(t)
	socket, stop := h.serveAdmin()
	defer stop()
	e := h.newExecutor()
	task := dockerTask(t, environment.Busybox(t), "echo begun; exec sleep 1000")
	task.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{
		{Name: "MARATHON_APP_ID", Value: new("/group/app")}, {Name: "PASSWORD", Value: new("hunter2")},
	}}
	e.launch(task)
	e.awaitRunning()
	var tasks []TaskReport
	askAdmin(t, socket, http.MethodGet, "/tasks", nil, &tasks)
	if len(tasks) != 1 || tasks[0].App != "/group/app" {
		t.Fatalf("%+v", tasks)
	}
	path := "/tasks/" + tasks[0].Container

	var found Inspection
	if status := askAdmin(t, socket, http.MethodGet, path, nil, &found); status != http.StatusOK || found.Task != t.Name() || !bytes.Contains(found.Engine, []byte(`"PASSWORD=…"`)) {
		t.Errorf("inspect: %d %+v %s", status, found.TaskReport, found.Engine)
	}
	if bytes.Contains(found.Engine, []byte("hunter2")) {
		t.Error("inspect shows the value of a variable")
	}

	var started ExecStarted
	order := ExecRequest{Command: []string{"sh", "-c", "read line; echo $MARATHON_APP_ID $line $MORE; exit 7"}, Input: true, Environment: []string{"MORE=more"}}
	file, err := AskFile(t.Context(), socket, path+"/exec", order, &started)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if out, _ := split(t, text); err != nil || out != "/group/app typed more\n" {
		t.Errorf("the command wrote %q, %v", out, err)
	}
	var state ExecState
	environment.Eventually(t, patience, "the command's end", func() bool {
		askAdmin(t, socket, http.MethodGet, "/exec/"+started.ID, nil, &state)
		return !state.Running
	})
	if state.ExitCode != 7 {
		t.Errorf("%+v", state)
	}

	var opened LogOpened
	log, err := AskFile(t.Context(), socket, path+"/log", LogRequest{}, &opened)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	text, err = io.ReadAll(log)
	if out, _ := split(t, text); err != nil || out != "begun\n" || opened.TTY {
		t.Errorf("the log has %q, %v", out, err)
	}

	for path, want := range map[string]int{"/tasks/none/exec": http.StatusNotFound, path + "/exec": http.StatusBadRequest} {
		_, err := AskFile(t.Context(), socket, path, ExecRequest{}, &started)
		if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Status != want {
			t.Errorf("%s: %v, want %d", path, err, want)
		}
	}

	stopped := make(chan int, 1)
	var ended TaskReport
	grace := time.Second
	go func() {
		stopped <- askAdmin(t, socket, http.MethodPost, path+"/stop", StopRequest{Grace: &grace}, &ended)
	}()
	for m := e.next(); ; m = e.next() {
		if m.Stop != nil {
			if m.Stop.Grace == nil || *m.Stop.Grace != grace || m.Stop.Reason != stopReason {
				t.Errorf("%+v", m.Stop)
			}
			break
		}
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	if status := <-stopped; status != http.StatusOK || ended.State != StateEnded {
		t.Errorf("stop: %d, %+v", status, ended)
	}
	e.done()
	h.awaitNoContainers()
}

// askedBy is a request by a user, or by an unknown one if that is negative.
func askedBy(uid int, method, path string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader("{}"))
	if uid < 0 {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), peerKey{}, &syscall.Ucred{Uid: uint32(uid)}))
}

// What changes a task, or shows what it wrote, is root's alone.
func TestRootAlone(t *testing.T) {
	mux := http.NewServeMux()
	(&Server{}).HandleAdmin(mux)
	for request, want := range map[string]int{
		"GET /tasks/c": http.StatusNotFound, "POST /tasks/c/stop": http.StatusForbidden, "POST /tasks/c/exec": http.StatusForbidden,
		"POST /tasks/c/log": http.StatusForbidden, "GET /exec/1": http.StatusForbidden, "POST /exec/1/size": http.StatusForbidden,
	} {
		method, path, _ := strings.Cut(request, " ")
		for _, uid := range []int{-1, 12345} {
			w := httptest.NewRecorder()
			if mux.ServeHTTP(w, askedBy(uid, method, path)); w.Code != want {
				t.Errorf("%s by %d: %d %s", request, uid, w.Code, w.Body)
			}
		}
		if want != http.StatusForbidden || !strings.HasPrefix(path, "/tasks/") {
			continue
		}
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, askedBy(os.Geteuid(), method, path)); w.Code != http.StatusNotFound {
			t.Errorf("%s by root: %d %s", request, w.Code, w.Body)
		}
	}
}
