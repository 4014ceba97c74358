package containerizer

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/internal/transport"
)

// adminTimeout bounds one question.
const adminTimeout = 10 * time.Second

// HandleAdmin answers what admins ask of the server. CONTAINER is a container's name, which no two tasks share.
//
//	GET  /tasks                   a JSON list of TaskReport
//	GET  /tasks/CONTAINER         an Inspection
//	GET  /stats                   a JSON list of TaskStats
//	GET  /events                  a TaskReport in JSON for each change of state or health from now on, until the client leaves
//	POST /tasks/CONTAINER/stop    StopRequest; answers when the task has ended
//	POST /tasks/CONTAINER/exec    ExecRequest; answers ExecStarted with a file, see AskFile
//	POST /tasks/CONTAINER/log     LogRequest; answers LogOpened with a file, see AskFile
//	GET  /exec/ID                 ExecState
//	POST /exec/ID/size            Size
//
// A refusal is a line of text, with a status of HTTP that is not 200.
func (s *Server) HandleAdmin(mux *http.ServeMux) {
	mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Tasks()) })
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.stats()) })
	mux.HandleFunc("GET /events", s.tellEvents)
	onTask := func(answer func(*session, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			named := s.named[r.PathValue("container")]
			s.mu.Unlock()
			if named == nil {
				http.Error(w, "there is no such task any more", http.StatusNotFound)
				return
			}
			answer(named, w, r)
		}
	}
	mux.HandleFunc("GET /tasks/{container}", onTask((*session).inspect))
	mux.HandleFunc("POST /tasks/{container}/stop", forRoot(onTask((*session).stopForAdmin)))
	mux.HandleFunc("POST /tasks/{container}/exec", forRoot(onTask((*session).exec)))
	mux.HandleFunc("POST /tasks/{container}/log", forRoot(onTask((*session).openLog)))
	mux.HandleFunc("GET /exec/{id}", forRoot(s.execState))
	mux.HandleFunc("POST /exec/{id}/size", forRoot(s.resizeExec))
}

// answer answers with JSON.
func (s *Server) answer(w http.ResponseWriter, with any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(with); err != nil {
		s.options.Logger.Debug("an admin did not wait for the answer", zap.Error(err))
	}
}

// maxRequest bounds the body of a request, in bytes.
const maxRequest = 1 << 20

// request reads the body of a request. It is not ok if that was refused.
func request[T any](w http.ResponseWriter, r *http.Request) (body T, ok bool) {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&body); err != nil {
		http.Error(w, "the request cannot be read: "+err.Error(), http.StatusBadRequest)
		return body, false
	}
	return body, true
}

// takeTime lets an answer take as long as it does.
func takeTime(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // an error leaves the deadline as it is
	_ = control.SetWriteDeadline(time.Time{})
}

// tellEvents tells changes until the client leaves, the server ends or the client does not keep up.
func (s *Server) tellEvents(w http.ResponseWriter, r *http.Request) {
	changes, stop := s.events.listen()
	defer stop()
	takeTime(w)
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	to := json.NewEncoder(w)
	for {
		if control.Flush() != nil {
			return
		}
		select {
		case change, ok := <-changes:
			if !ok || control.SetWriteDeadline(time.Now().Add(adminTimeout)) != nil || to.Encode(change) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// peerKey is where the context of a request has who asks.
type peerKey struct{}

// ServeAdmin answers admins on the listener, over HTTP, until ctx ends, and closes it. A handler that takes a connection over
// sets its deadlines anew and ends with ctx by itself.
func ServeAdmin(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadTimeout: adminTimeout, WriteTimeout: adminTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if unix, ok := conn.(*net.UnixConn); ok {
				if peer, err := transport.Peer(unix); err == nil {
					ctx = context.WithValue(ctx, peerKey{}, peer)
				}
			}
			return ctx
		},
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
