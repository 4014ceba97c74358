package dockercli

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// callTimeout bounds the wait for a client's call after it has connected.
const callTimeout = 10 * time.Second

// Handler serves the clients of the docker command, each in its own goroutines. Their number is not limited: agents inspect a
// hundred containers at once, and a run lasts as long as its container.
type Handler struct {
	answer func(context.Context, Call) int
	logger *zap.Logger
	calls  sync.WaitGroup
}

// NewHandler returns a Handler. It calls answer, such as [Docker.Answer], which returns the exit status. The context of answer
// ends with the client or the daemon.
func NewHandler(answer func(context.Context, Call) int, logger *zap.Logger) *Handler {
	return &Handler{answer: answer, logger: logger}
}

// Handle registers the handler on its path. The socket, which is root's, decides who may connect.
func (h *Handler) Handle(mux *http.ServeMux) {
	mux.Handle("POST "+protocol.Path, h)
}

// Wait returns when no call is running. The server of the Handler must have ended; it does not wait for upgraded connections.
func (h *Handler) Wait() { h.calls.Wait() }

// ServeHTTP serves one client. The command ends with the request's context, which ends with the server.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.calls.Add(1)
	defer h.calls.Done()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.logger.Error("a docker command cannot be answered on this connection", zap.Error(err))
		return
	}
	defer conn.Close()
	if err := h.converse(r.Context(), conn, buffered.Reader, r.Header.Get("Upgrade")); err != nil {
		h.logger.Debug("a docker command was not heard out", zap.Error(err))
	}
}

// converse returns an error if the client sends no call, or leaves before the exit status.
func (h *Handler) converse(ctx context.Context, conn net.Conn, reader *bufio.Reader, upgrade string) error {
	c, err := protocol.Upgrade(conn, reader, upgrade)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() }) // ends every wait for the client
	defer stop()
	s := newStreams(ctx, c)
	call, err := s.receiveCall(callTimeout)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		s.receive()
		cancel() // the client is gone
	})
	group.Go(func() { s.sayAlive(ctx) })

	name, began := commandName(call), time.Now()
	status := h.answer(ctx, call)
	// Not the arguments, which may hold secrets.
	h.logger.Debug("docker command answered", zap.String("command", name), zap.Int("status", status),
		zap.Duration("duration", time.Since(began)), zap.Bool("cut_short", ctx.Err() != nil))
	if err := ctx.Err(); err != nil {
		return err // the status would come from our own end, not from the command
	}
	return c.SendJSON(protocol.KindExit, protocol.Exit{Status: status})
}

// commandName returns a call's command for the log if it is known; the first argument may be anything else.
func commandName(call Call) string {
	if len(call.Arguments) > 0 {
		if _, supported := commands[call.Arguments[0]]; supported {
			return call.Arguments[0]
		}
	}
	return "(unknown)"
}
