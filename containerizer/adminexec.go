package containerizer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path"

	docker "github.com/docker/docker/api/types/container"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// ExecRequest asks for a process in a task's container, with the environment of the task and, unless User is set, its user.
type ExecRequest struct {
	Command     []string `json:"command"`
	User        string   `json:"user,omitempty"`
	Directory   string   `json:"directory,omitempty"`
	Environment []string `json:"environment,omitempty"` // NAME=value, beside the task's
	Input       bool     `json:"input,omitempty"`
	TTY         bool     `json:"tty,omitempty"`
}

// ExecStarted comes with the Engine's connection to the process.
type ExecStarted struct {
	ID string `json:"id"`
}

// ExecState says whether a process runs, or with which exit status it has ended.
type ExecState struct {
	Running  bool `json:"running"`
	ExitCode int  `json:"exit_code"`
}

// Size is that of a terminal, in characters.
type Size struct {
	Height uint `json:"height"`
	Width  uint `json:"width"`
}

// exec starts a process for an admin and hands over the Engine's connection to it. From then on it goes on without the server.
func (s *session) exec(w http.ResponseWriter, r *http.Request) {
	order, ok := request[ExecRequest](w, r)
	if !ok {
		return
	}
	report, _ := s.report()
	switch {
	case len(order.Command) == 0:
		http.Error(w, "there is no command", http.StatusBadRequest)
		return
	case report.State != StateRunning && report.State != StateStopping || report.Started.IsZero():
		http.Error(w, fmt.Sprintf("the task does not run, it is %s", report.State), http.StatusConflict)
		return
	}
	// Not the arguments, which may hold secrets.
	s.logger.Info("an admin runs a command in the task's container", zap.String("by", admin(r)), zap.String("program", path.Base(order.Command[0])),
		zap.Bool("tty", order.TTY), zap.String("user", cmp.Or(order.User, "the task's")))
	id, err := s.server.engine.CreateExec(r.Context(), report.ContainerID, docker.ExecOptions{
		Cmd: order.Command, User: order.User, WorkingDir: order.Directory, Env: order.Environment,
		Tty: order.TTY, AttachStdin: order.Input, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		refuse(w, err)
		return
	}
	stream, err := s.server.engine.StartExec(r.Context(), id, order.TTY)
	if err != nil {
		refuse(w, err)
		return
	}
	s.passStream(w, ExecStarted{ID: id}, stream)
}

// passStream answers with a connection of the Engine's.
func (s *session) passStream(w http.ResponseWriter, answer any, stream *engine.Stream) {
	defer stream.Close()
	file, err := stream.File()
	if err != nil {
		refuse(w, err)
		return
	}
	defer file.Close()
	if err := passFile(w, answer, file); err != nil {
		s.logger.Debug("an admin did not wait for the stream", zap.Error(err))
	}
}

// refuse says why something failed.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	switch {
	case engine.IsNotFound(err):
		status = http.StatusNotFound
	case engine.IsConflict(err):
		status = http.StatusConflict
	}
	http.Error(w, err.Error(), status)
}

// execState tells of a process, by the id that the Engine knows it by.
func (s *Server) execState(w http.ResponseWriter, r *http.Request) {
	state, err := s.engine.InspectExec(r.Context(), r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	s.answer(w, ExecState{Running: state.Running, ExitCode: state.ExitCode})
}

// resizeExec gives the terminal of a process a size.
func (s *Server) resizeExec(w http.ResponseWriter, r *http.Request) {
	size, ok := request[Size](w, r)
	if !ok {
		return
	}
	if err := s.engine.ResizeExec(r.Context(), r.PathValue("id"), size.Height, size.Width); err != nil {
		refuse(w, err)
		return
	}
	s.answer(w, size)
}

// LogRequest asks for what the Engine has kept of a task's output.
type LogRequest struct {
	Stderr bool   `json:"stderr,omitempty"` // in place of stdout
	Follow bool   `json:"follow,omitempty"`
	Since  string `json:"since,omitempty"` // as the Engine takes it: seconds since 1970, with a fraction; empty for all
}

// LogOpened comes with the log, multiplexed unless there is a terminal.
type LogOpened struct {
	TTY bool `json:"tty,omitempty"`
}

// openLog hands over a connection of the Engine's on which a task's log comes.
func (s *session) openLog(w http.ResponseWriter, r *http.Request) {
	order, ok := request[LogRequest](w, r)
	if !ok {
		return
	}
	report, _ := s.report()
	if report.ContainerID == "" {
		http.Error(w, "the task has no container yet", http.StatusConflict)
		return
	}
	options := engine.LogOptions{Follow: order.Follow, Since: order.Since, Stream: "stdout"}
	if order.Stderr {
		options.Stream = "stderr"
	}
	c, err := s.server.engine.Inspect(r.Context(), report.ContainerID)
	if err != nil {
		refuse(w, err)
		return
	}
	stream, err := s.server.engine.Log(r.Context(), c.ID, options)
	if err != nil {
		refuse(w, err)
		return
	}
	s.passStream(w, LogOpened{TTY: c.Config.Tty}, stream)
}

// Inspection is all that is known of a task.
type Inspection struct {
	TaskReport

	// Engine is the Engine's own text on the container, without the values of variables, which may be secrets. It is nil without a
	// container; EngineError then says why, if there is one.
	Engine      json.RawMessage `json:"engine,omitempty"`
	EngineError string          `json:"engine_error,omitempty"`
}

// inspect tells all that is known of the task.
func (s *session) inspect(w http.ResponseWriter, r *http.Request) {
	var found Inspection
	found.TaskReport, _ = s.report()
	if found.ContainerID != "" {
		c, err := s.server.engine.Inspect(r.Context(), found.ContainerID)
		if err == nil {
			found.Engine, err = withoutValues(c.Raw)
		}
		if err != nil {
			found.EngineError = err.Error()
		}
	}
	s.server.answer(w, found)
}
