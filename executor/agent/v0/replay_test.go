package v0

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
)

// The recorded agent's bytes reach our executor, with nothing but the ports changed, and our messages are those of the recorded
// executor: byte for byte but for the statuses, to which ours add uuid, source and executor_id (contract 5.2).
func TestRecordedSessions(t *testing.T) {
	for _, name := range captures {
		t.Run(name, func(t *testing.T) { newReplay(t, recorded(t, name)).run() })
	}
}

// replay plays the agent's part of a recording.
type replay struct {
	*fixture
	rows     []row
	listener net.Listener
	port     int // of the recorded agent
	executor int // port of the recorded executor

	links map[int]*played // connections by their number
	ours  string          // our executor's port

}

// played is a connection under replay.
type played struct {
	net.Conn
	reader *bufio.Reader
	raw    bytes.Buffer // what was read but is not taken yet
}

func newReplay(t *testing.T, r *recording) *replay {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	p := &replay{rows: r.Rows, listener: listener, port: r.AgentPort, links: map[int]*played{}}
	for _, row := range r.Rows {
		if strings.HasPrefix(row.Request, "/executor(1)/") {
			p.executor = row.ToPort
			break
		}
	}
	var ids identity
	for _, row := range r.Rows {
		if strings.HasSuffix(row.Request, registerExecutor) {
			req := parsed(t, row.Data)
			must(t, fields(req.body, func(number int, value []byte) (err error) {
				switch number {
				case 1:
					ids.framework, err = text(value)
				case 2:
					ids.executor, err = text(value)
				}
				return err
			}))
		}
	}
	p.fixture = start(t, agent.Environment{
		FrameworkID: ids.framework, ExecutorID: ids.executor, AgentID: "not-said-yet",
		AgentProcess: "slave(1)", AgentAddress: listener.Addr().String(),
		Checkpoint: true, RecoveryTimeout: time.Hour,
		Libprocess: agent.Libprocess{IP: "127.0.0.1", Port: freePort(t)}, // of five digits, as the recorded ones, so that lengths agree,
	})
	return p
}

func parsed(t testing.TB, data []byte) *request {
	t.Helper()
	req, err := readRequest(bufio.NewReader(bytes.NewReader(data)))
	must(t, err)
	return req
}

func (p *replay) run() {
	for i := range p.rows {
		row := &p.rows[i]
		if p.isForeign(row) {
			continue
		}
		switch toAgent := row.ToPort == p.port; {
		case row.Event == "connect" && toAgent:
			conn, err := p.listener.Accept()
			must(p.t, err)
			p.open(row.Connection, conn)
		case row.Event == "connect":
			conn, err := net.Dial("tcp", "127.0.0.1:"+p.ours)
			must(p.t, err)
			p.open(row.Connection, conn)
		case row.Event == "data" && row.Request != "" && toAgent:
			p.expectMessage(row)
		case row.Event == "data" && row.Request != "":
			p.send(row)
		case row.Event == "data" && row.FromPort == p.executor:
			p.expectAnswer(row)
		case row.Event == "data":
			_, err := p.links[row.Connection].Write(row.Data)
			must(p.t, err)
		case row.FromPort == p.port || row.ToPort == p.executor: // the agent ends a connection
			if c := p.links[row.Connection]; c != nil {
				c.Close()
			}
		}
	}
}

// isForeign tells whether a row is of a connection between the agent and another process, or of one that failed.
func (p *replay) isForeign(r *row) bool {
	for i := range p.rows {
		other := &p.rows[i]
		if other.Connection == r.Connection && (strings.HasSuffix(other.Request, registerExecutor) || strings.HasSuffix(other.Request, reregisterExecutor) ||
			other.ToPort == p.executor) {
			return false
		}
	}
	return true
}

func (p *replay) open(number int, conn net.Conn) {
	c := &played{Conn: conn}
	c.reader = bufio.NewReader(io.TeeReader(conn, &c.raw))
	conn.SetDeadline(time.Now().Add(patience))
	p.links[number] = c
	p.t.Cleanup(func() { conn.Close() })
}

// translated replaces the recorded ports by ours.
func (p *replay) translated(data []byte) []byte {
	data = bytes.ReplaceAll(data, fmt.Appendf(nil, "127.0.0.1:%d", p.executor), []byte("127.0.0.1:"+p.ours))
	return bytes.ReplaceAll(data, fmt.Appendf(nil, "127.0.0.1:%d", p.port), []byte(p.listener.Addr().String()))
}

// expectMessage reads one of our messages, after having caused it if it is an update.
func (p *replay) expectMessage(row *row) {
	p.t.Helper()
	want := parsed(p.t, row.Data)
	isUpdate := strings.HasSuffix(row.Request, statusUpdate)
	if isUpdate {
		p.outbox.add(p.recordedStatus(want.body))
	}
	c := p.links[row.Connection]
	got, err := readRequest(c.reader)
	must(p.t, err)
	sent := bytes.Clone(c.raw.Bytes()[:c.raw.Len()-c.reader.Buffered()])
	c.raw.Next(len(sent))
	if p.ours == "" {
		_, p.ours, _ = net.SplitHostPort(strings.TrimPrefix(got.sender, processID+"@"))
	}
	wanted := p.translated(row.Data)
	if isUpdate {
		p.compareUpdates(parsed(p.t, wanted).body, got.body)
		at, length := bytes.Index(wanted, []byte("\r\n\r\n")), bytes.Index(sent, []byte("\r\n\r\n"))
		wanted, sent = wanted[:at], sent[:length]
	}
	if !bytes.Equal(wanted, sent) {
		p.t.Errorf("message\n%q\nwant\n%q", sent, wanted)
	}
}

// recordedStatus is the status of a recorded StatusUpdateMessage as the executor would record it.
func (p *replay) recordedStatus(body []byte) (s mesos.TaskStatus) {
	p.t.Helper()
	update := submessages(p.t, submessages(p.t, body)[1])
	must(p.t, s.Unmarshal(update[4]))
	s.AgentID, s.UUID = nil, update[6]
	s.Source = mesos.SOURCE_EXECUTOR.Enum()
	return s
}

func submessages(t testing.TB, body []byte) map[int][]byte {
	t.Helper()
	found := map[int][]byte{}
	must(t, fields(body, func(number int, value []byte) error {
		found[number] = value
		return nil
	}))
	return found
}

func (p *replay) compareUpdates(want, got []byte) {
	p.t.Helper()
	w, g := submessages(p.t, want), submessages(p.t, got)
	if !bytes.Equal(w[2], g[2]) {
		p.t.Errorf("pid %q, want %q", g[2], w[2])
	}
	wu, gu := submessages(p.t, w[1]), submessages(p.t, g[1])
	for _, number := range []int{1, 2, 3, 6} {
		if !bytes.Equal(wu[number], gu[number]) {
			p.t.Errorf("field %d of the update is %q, want %q", number, gu[number], wu[number])
		}
	}
	for _, number := range []int{1, 3, 4, 5, 13} {
		if ws, gs := submessages(p.t, wu[4]), submessages(p.t, gu[4]); !bytes.Equal(ws[number], gs[number]) {
			p.t.Errorf("field %d of the status is %q, want %q", number, gs[number], ws[number])
		}
	}
}

func (p *replay) expectAnswer(row *row) {
	p.t.Helper()
	const want = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.links[row.Connection].reader, got); err != nil || string(got) != want {
		p.t.Errorf("answer %q, %v", got, err)
	}
}

// send plays a message of the agent and receives the event that it becomes.
func (p *replay) send(row *row) {
	p.t.Helper()
	_, err := p.links[row.Connection].Write(p.translated(row.Data))
	must(p.t, err)
	switch name := row.Request[strings.LastIndex(row.Request, ".")+1:]; name {
	case executorRegistered, executorReregistered:
		p.expect(executor.Event_SUBSCRIBED)
	case runTask:
		p.outbox.launched(p.expect(executor.Event_LAUNCH).Launch.Task)
	case killTask:
		p.expect(executor.Event_KILL)
	case statusAcknowledgement:
		before := len(p.outbox.acked)
		p.outbox.acknowledge(p.expect(executor.Event_ACKNOWLEDGED).Acknowledged)
		if len(p.outbox.acked) != before+1 {
			p.t.Error("an acknowledgement is of no update of ours")
		}
	case shutdownExecutor:
		p.expect(executor.Event_SHUTDOWN)
	case reconnectExecutor:
	default:
		p.t.Fatalf("unknown message %s", name)
	}
}
