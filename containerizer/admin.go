package containerizer

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// adminTimeout bounds one question.
const adminTimeout = 10 * time.Second

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
