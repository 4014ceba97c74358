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

// callTimeout bounds the wait for a client's call once it has opened its conversation.
const callTimeout = 10 * time.Second

// Handler carries on the conversations with the clients of the docker command, each in goroutines of its own. How many there are
// at a time is not limited: agents inspect a hundred containers at once, a run lasts as long as its container, and stock has a
// process of docker for each of them.
type Handler struct {
	answer func(context.Context, Call) int
	logger *zap.Logger
	calls  sync.WaitGroup
}

// NewHandler returns a Handler whose calls are carried out by answer, such as [Docker.Answer], which returns the exit status.
// The context that answer gets ends with the client or the daemon.
func NewHandler(answer func(context.Context, Call) int, logger *zap.Logger) *Handler {
	return &Handler{answer: answer, logger: logger}
}

// Handle puts the handler where clients look for it. Who may connect is a matter of the socket, which is root's.
func (h *Handler) Handle(mux *http.ServeMux) {
	mux.Handle("POST "+protocol.Path, h)
}

// Wait returns when no call is being carried out. The server of the Handler must have ended: it does not wait for connections
// that were upgraded.
func (h *Handler) Wait() { h.calls.Wait() }

// ServeHTTP carries on one conversation. The command ends with the request's context, which ends with the server.
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

// converse returns an error if the client did not say what it wants, or went away before it was told how that ended.
func (h *Handler) converse(ctx context.Context, conn net.Conn, reader *bufio.Reader, upgrade string) error {
	c, err := protocol.Upgrade(conn, reader, upgrade)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() }) // whatever waits for the client ends
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
		cancel() // there is nobody left to tell
	})
	group.Go(func() { s.sayAlive(ctx) })

	name, began := commandName(call), time.Now()
	status := h.answer(ctx, call)
	// Not the arguments, which may hold secrets.
	h.logger.Debug("docker command answered", zap.String("command", name), zap.Int("status", status),
		zap.Duration("duration", time.Since(began)), zap.Bool("cut_short", ctx.Err() != nil))
	if err := ctx.Err(); err != nil {
		return err // a status would be that of our own end, not the command's
	}
	return c.SendJSON(protocol.KindExit, protocol.Exit{Status: status})
}

// commandName is a call's command if it is one of docker's, for the log; the first argument may be anything else.
func commandName(call Call) string {
	if len(call.Arguments) > 0 {
		if _, supported := commands[call.Arguments[0]]; supported {
			return call.Arguments[0]
		}
	}
	return "(unknown)"
}
