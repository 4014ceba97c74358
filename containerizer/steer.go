package containerizer

import (
	"fmt"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/wire"
)

// StopRequest asks for a task's end.
type StopRequest struct {
	Grace *time.Duration `json:"grace,omitempty"` // between the stop signal and SIGKILL; nil for the task's own
}

// stopAnswer is how long an executor may take to ask for the stop that it was asked for.
const stopAnswer = 10 * time.Second

// stopReason is what frameworks read.
const stopReason = "stopped by an admin of this host"

// stopForAdmin asks the executor to stop its task, so that it is the executor who reports the end. It answers when the task has ended.
func (s *session) stopForAdmin(w http.ResponseWriter, r *http.Request) {
	order, ok := request[StopRequest](w, r)
	if !ok {
		return
	}
	takeTime(w)
	s.logger.Info("an admin asks for the end of the task", zap.String("by", admin(r)), zap.Durationp("grace", order.Grace))
	timeout := time.NewTimer(stopAnswer)
	defer timeout.Stop()
	s.conn.sendOnce(wire.Message{Stop: &wire.Stop{Grace: order.Grace, Reason: stopReason}}, nil)
	select {
	case <-s.container.Stopping():
	case <-s.ended:
	case <-r.Context().Done():
		return
	case <-timeout.C:
		http.Error(w, fmt.Sprintf("the task's executor (process %d) has not answered within %v; ask again", s.executor.PID, stopAnswer),
			http.StatusGatewayTimeout)
		return
	}
	select {
	case <-s.ended:
		report, _ := s.report()
		s.server.answer(w, report)
	case <-r.Context().Done():
	}
}

// forRoot refuses others than root and the server's own user, who is there where a person runs everything themselves.
func forRoot(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if peer := asker(r); peer == nil || peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
			http.Error(w, "this is for root alone", http.StatusForbidden)
			return
		}
		answer(w, r)
	}
}

// asker is nil where it is not known.
func asker(r *http.Request) *syscall.Ucred {
	peer, _ := r.Context().Value(peerKey{}).(*syscall.Ucred)
	return peer
}

// admin names who asks, for the log, behind forRoot.
func admin(r *http.Request) string {
	peer := asker(r)
	return fmt.Sprintf("user %s, process %d%s", userName(peer.Uid), peer.Pid, login(peer.Pid))
}

// login says as whom the user of a process has logged in, before sudo or su; empty if that cannot be told.
func login(pid int32) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", pid))
	if err != nil {
		return ""
	}
	uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	const none = 1<<32 - 1
	if err != nil || uid == none {
		return ""
	}
	return ", logged in as " + userName(uint32(uid))
}

func userName(uid uint32) string {
	text := fmt.Sprint(uid)
	if found, err := user.LookupId(text); err == nil {
		return found.Username
	}
	return text
}
