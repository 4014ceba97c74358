package containerizer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/internal/lookup"
)

// adminTimeout bounds one question.
const adminTimeout = 10 * time.Second

// TaskReport is one task as an admin sees it.
type TaskReport struct {
	Task      string    `json:"task"`
	Framework string    `json:"framework"`
	Executor  string    `json:"executor"`
	Container string    `json:"container"` // its name
	Route     string    `json:"route"`
	PID       int       `json:"executor_pid"`
	State     string    `json:"state"` // in words: "pulling app:7: …", "running"
	Since     time.Time `json:"since"` // of State
}

// Names are those by which an admin can ask for the task.
func (r TaskReport) Names() lookup.Names {
	return lookup.Names{Task: r.Task, Container: r.Container}
}

// Tasks reports the tasks whose executors are attached, by task id.
func (s *Server) Tasks() []TaskReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	reports := []TaskReport{} // an empty list, not null
	for _, session := range s.sessions {
		if session.task == "" {
			continue // its executor waits for a task
		}
		state, since := session.at.get()
		reports = append(reports, TaskReport{
			Task: session.task, Framework: session.attach.Framework, Executor: session.attach.Executor,
			Container: session.name, Route: string(session.attach.Route), PID: session.executor.PID,
			State: state, Since: since,
		})
	}
	slices.SortFunc(reports, func(a, b TaskReport) int { return cmp.Compare(a.Task, b.Task) })
	return reports
}

// HandleAdmin answers what admins ask of the server: GET /tasks yields a JSON list of TaskReport.
func (s *Server) HandleAdmin(mux *http.ServeMux) {
	mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(s.Tasks()); err != nil {
			s.options.Logger.Debug("an admin did not wait for the answer", zap.Error(err))
		}
	})
}

// ServeAdmin answers admins on the listener, over HTTP, until ctx ends, and closes it. A handler that takes a connection over
// sets its deadlines anew and ends with ctx by itself.
func ServeAdmin(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadTimeout: adminTimeout, WriteTimeout: adminTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
