package fakeagent

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

func (a *Agent) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		a.mu.Lock()
		if a.listener != listener {
			a.mu.Unlock()
			conn.Close()
			return
		}
		a.open[conn] = true
		a.wg.Go(func() { a.serve(conn) })
		a.mu.Unlock()
	}
}

func (a *Agent) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		a.mu.Lock()
		delete(a.open, conn)
		a.mu.Unlock()
	}()
	stream := conn
	if a.options.Server != nil {
		stream = tls.Server(conn, a.options.Server)
	}
	reader := bufio.NewReaderSize(stream, 4096)
	for {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		a.mu.Lock()
		silent := a.silent
		a.mu.Unlock()
		if silent != nil {
			<-silent
		}
		a.receive(conn, req, body)
		if !a.options.Old {
			fmt.Fprint(stream, "HTTP/1.1 202 Accepted\r\nDate: Sun, 22 Nov 2026 11:14:56 GMT\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

// receive checks the form of a message and handles it.
func (a *Agent) receive(conn net.Conn, req *http.Request, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() {
		close(a.changed)
		a.changed = make(chan struct{})
	}()
	if a.listener == nil {
		return // its process is no more
	}
	name, ok := strings.CutPrefix(req.RequestURI, "/slave(1)/mesos.internal.")
	from := req.Header.Get("Libprocess-From")
	host, _, err := net.SplitHostPort(endpoint(from))
	peer, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	switch {
	case req.Method != http.MethodPost || !ok:
		a.violation("%s %s", req.Method, req.RequestURI)
		return
	case req.Header.Get("User-Agent") != "libprocess/"+from || err != nil:
		a.violation("%s: User-Agent %q, Libprocess-From %q", name, req.Header.Get("User-Agent"), from)
		return
	case peer != host:
		a.violation("%s: from %s, the sender's address is %s (LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH)", name, peer, host)
		return
	case len(body) > 0 && !slices.Equal(req.TransferEncoding, []string{"chunked"}):
		a.violation("%s: Transfer-Encoding %v", name, req.TransferEncoding)
	case req.Header.Get("Connection") != "Keep-Alive":
		a.violation("%s: Connection %q", name, req.Header.Get("Connection"))
	}
	a.received = append(a.received, name)
	if err := a.handle(name, from, body); err != nil {
		a.violation("%s: %w", name, err)
	}
}

func (a *Agent) handle(name, from string, body []byte) error {
	switch name {
	case "RegisterExecutorMessage":
		m := new(registerExecutor)
		if err := proto.Unmarshal(body, m); err != nil {
			return err
		}
		return a.onRegister(m, from)
	case "ReregisterExecutorMessage":
		m := new(reregisterExecutor)
		if err := proto.Unmarshal(body, m); err != nil {
			return err
		}
		return a.onReregister(m, from)
	case "StatusUpdateMessage":
		m := new(statusUpdate)
		if err := proto.Unmarshal(body, m); err != nil {
			return err
		}
		switch {
		case m.PID == nil || *m.PID != from:
			return fmt.Errorf("pid is %v, the sender %s: it would never be acknowledged", m.PID, from)
		case from != a.executor:
			return fmt.Errorf("from %s, the executor is %s", from, a.executor)
		}
		return a.onUpdate(m.Update)
	}
	return errors.New("no message for an agent")
}

func (a *Agent) onRegister(m *registerExecutor, from string) error {
	known := a.executor
	a.executor = from
	if m.FrameworkID.Value != a.options.FrameworkID || m.ExecutorID.Value != a.options.ExecutorID || a.state != registering || known != "" {
		a.answer(outgoing{"ShutdownExecutorMessage", nil})
		return fmt.Errorf("of framework %q, executor %q in state %d", m.FrameworkID.Value, m.ExecutorID.Value, a.state)
	}
	a.state = running
	messages := []outgoing{{"ExecutorRegisteredMessage", &executorRegistered{
		ExecutorInfo: &a.options.Executor, FrameworkID: a.options.Framework.ID, FrameworkInfo: &a.options.Framework,
		AgentID: a.agentID(), AgentInfo: a.agentInfo(),
	}}}
	for _, task := range a.queue {
		messages = append(messages, a.runTask(task))
	}
	a.queue = nil
	a.answer(messages...)
	return nil
}

// answer sends messages to an executor, which may have gone.
func (a *Agent) answer(messages ...outgoing) { _ = a.sendAll(messages...) }

func (a *Agent) onReregister(m *reregisterExecutor, from string) error {
	switch {
	case m.FrameworkID.Value != a.options.FrameworkID || m.ExecutorID.Value != a.options.ExecutorID:
		return fmt.Errorf("of framework %q, executor %q", m.FrameworkID.Value, m.ExecutorID.Value)
	case from != a.executor:
		return fmt.Errorf("from %s, the executor is %s", from, a.executor)
	case a.state == running && a.options.RetriesReconnect:
		return nil
	case a.state != reconnecting:
		a.answer(outgoing{"ShutdownExecutorMessage", a.shutdown()})
		return fmt.Errorf("in state %d", a.state)
	}
	a.state = running
	a.answer(outgoing{"ExecutorReregisteredMessage", &executorReregistered{AgentID: a.agentID(), AgentInfo: a.agentInfo()}})
	var err error
	has := map[string]bool{}
	for _, task := range m.Tasks {
		has[task.TaskID.Value] = true
		if sent, ok := a.tasks[task.TaskID.Value]; !ok || !sent.Equal(task) {
			err = errors.Join(err, fmt.Errorf("task %q is not as it was launched", task.TaskID.Value))
		}
	}
	for _, u := range m.Updates {
		err = errors.Join(err, a.onUpdate(u))
	}
	for _, status := range a.stored {
		has[status.TaskID.Value] = true
	}
	for id := range a.tasks {
		if !has[id] {
			err = errors.Join(err, fmt.Errorf("task %q is unknown to the executor and would be dropped", id))
		}
	}
	return err
}

func (a *Agent) onUpdate(u *update) error {
	if err := u.check(&a.options); err != nil {
		return err
	}
	if a.state != running {
		return fmt.Errorf("%s in state %d", u.Status.GetState(), a.state)
	}
	if _, ok := a.tasks[u.Status.TaskID.Value]; !ok {
		return fmt.Errorf("%s of an unknown task %q", u.Status.GetState(), u.Status.TaskID.Value)
	}
	if a.known[string(u.UUID)] {
		a.repeated++
	} else {
		if err := a.follows(u.Status); err != nil {
			return err
		}
		a.known[string(u.UUID)] = true
		a.stored = append(a.stored, *u.Status)
	}
	if a.lose > 0 {
		a.lose--
		return nil
	}
	a.answer(outgoing{"StatusUpdateAcknowledgementMessage", &acknowledgement{
		AgentID: a.agentID(), FrameworkID: a.options.Framework.ID, TaskID: &u.Status.TaskID, UUID: u.UUID,
	}})
	return nil
}

// follows checks that a task goes through its states in their order (contract 3.1), and that nothing follows its end.
func (a *Agent) follows(next *mesos.TaskStatus) error {
	for _, last := range slices.Backward(a.stored) {
		if last.TaskID != next.TaskID {
			continue
		}
		if before, after := rank(last.GetState()), rank(next.GetState()); after < before || before == ended {
			return fmt.Errorf("%s follows %s", next.GetState(), last.GetState())
		}
		return nil
	}
	return nil
}

// ended is the rank of the states that nothing follows.
const ended = 3

func rank(s mesos.TaskState) int {
	switch s {
	case mesos.TASK_STARTING:
		return 0
	case mesos.TASK_RUNNING:
		return 1
	case mesos.TASK_KILLING:
		return 2
	}
	return ended
}

func (a *Agent) agentID() *mesos.AgentID { return &mesos.AgentID{Value: a.options.AgentID} }

func (a *Agent) agentInfo() *mesos.AgentInfo {
	return &mesos.AgentInfo{Hostname: "host", ID: a.agentID()}
}
