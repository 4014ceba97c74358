package fakeagent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// outgoing is a message to the executor; a nil message is an empty body.
type outgoing struct {
	name    string
	message proto.Message
}

// Launch sends a task, or keeps it until the executor has registered.
func (a *Agent) Launch(task mesos.TaskInfo) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.executor == "" {
		a.queue = append(a.queue, task)
		return nil
	}
	return a.sendAll(a.runTask(task))
}

// runTask is a RunTaskMessage as current agents send it, without framework_id.
func (a *Agent) runTask(task mesos.TaskInfo) outgoing {
	a.tasks[task.TaskID.Value] = task
	pid := "@0.0.0.0:0"
	return outgoing{"RunTaskMessage", &runTask{Framework: &a.options.Framework, PID: &pid, Task: &task}}
}

// Kill sends a KillTaskMessage.
func (a *Agent) Kill(task string, policy *mesos.KillPolicy) error {
	return a.sendOne("KillTaskMessage", &killTask{FrameworkID: a.options.Framework.ID, TaskID: &mesos.TaskID{Value: task}, KillPolicy: policy})
}

// Shutdown sends a ShutdownExecutorMessage, empty as agents before 0.23 do or with the ids.
func (a *Agent) Shutdown(empty bool) error {
	if empty {
		return a.sendOne("ShutdownExecutorMessage", nil)
	}
	return a.sendOne("ShutdownExecutorMessage", a.shutdown())
}

func (a *Agent) shutdown() *shutdownExecutor {
	return &shutdownExecutor{ExecutorID: &a.options.Executor.ExecutorID, FrameworkID: a.options.Framework.ID}
}

// ShutdownOther sends a ShutdownExecutorMessage that is for another executor.
func (a *Agent) ShutdownOther() error {
	return a.sendOne("ShutdownExecutorMessage", &shutdownExecutor{ExecutorID: &mesos.ExecutorID{Value: "other"}, FrameworkID: a.options.Framework.ID})
}

// Message sends a framework's message.
func (a *Agent) Message(data []byte) error {
	return a.sendOne("FrameworkToExecutorMessage", &frameworkToExecutor{
		AgentID: a.agentID(), FrameworkID: a.options.Framework.ID, ExecutorID: &a.options.Executor.ExecutorID, Data: data,
	})
}

// Reconnect sends a ReconnectExecutorMessage on a new connection, as a restarted agent does.
func (a *Agent) Reconnect() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.link != nil {
		a.link.Close()
		a.link = nil
	}
	return a.send("ReconnectExecutorMessage", &reconnectExecutor{AgentID: a.agentID()})
}

// LateReconnect delivers the ReconnectExecutorMessage of an agent that had this address and is no more.
func (a *Agent) LateReconnect() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	conn, err := net.Dial("tcp", endpoint(a.executor))
	if err != nil {
		return err
	}
	defer conn.Close()
	data, err := a.encode(outgoing{"ReconnectExecutorMessage", &reconnectExecutor{AgentID: a.agentID()}})
	if err == nil {
		_, err = conn.Write(data)
	}
	if err == nil {
		_, err = io.ReadAtLeast(conn, make([]byte, 64), 1) // the answer: it was taken
	}
	return err
}

func (a *Agent) sendOne(name string, m proto.Message) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.send(name, m)
}

func (a *Agent) send(name string, m proto.Message) error { return a.sendAll(outgoing{name, m}) }

// sendAll sends messages without a pause between them.
func (a *Agent) sendAll(messages ...outgoing) error {
	switch {
	case a.listener == nil:
		return errors.New("the agent is stopped")
	case a.executor == "":
		return errors.New("there is no executor yet")
	}
	var data []byte
	for _, m := range messages {
		encoded, err := a.encode(m)
		if err != nil {
			return fmt.Errorf("encode %s: %w", m.name, err)
		}
		data = append(data, encoded...)
	}
	if a.link == nil {
		if err := a.connect(); err != nil {
			return err
		}
	}
	_, err := a.link.Write(data)
	return err
}

// connect opens the agent's own connection to the executor.
func (a *Agent) connect() error {
	conn, err := net.Dial("tcp", endpoint(a.executor))
	if err != nil {
		return err
	}
	a.open[conn] = true
	link := conn
	if a.options.Client != nil {
		link = tls.Client(conn, a.options.Client)
	}
	a.link = link
	a.wg.Go(func() {
		io.Copy(io.Discard, link)
		conn.Close()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.open, conn)
		if a.link == link {
			a.link = nil
		}
	})
	return nil
}

func (a *Agent) encode(m outgoing) ([]byte, error) {
	var body []byte
	if m.message != nil {
		var err error
		if body, err = proto.Marshal(m.message); err != nil {
			return nil, err
		}
	}
	head := fmt.Sprintf("POST /executor(1)/mesos.internal.%s HTTP/1.1\r\nUser-Agent: libprocess/%s\r\nLibprocess-From: %s\r\nConnection: Keep-Alive\r\nHost: \r\n", m.name, a.upid(), a.upid())
	if a.options.Old {
		head = fmt.Sprintf("POST /executor(1)/mesos.internal.%s HTTP/1.0\r\nUser-Agent: libprocess/%s\r\nConnection: Keep-Alive\r\n", m.name, a.upid())
	}
	if len(body) == 0 {
		return []byte(head + "\r\n"), nil
	}
	data := fmt.Appendf(nil, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n", head, len(body))
	data = append(data, body...)
	return append(data, "\r\n0\r\n\r\n"...), nil
}
