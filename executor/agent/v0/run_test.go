package v0

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/test/fakeagent"
)

// The life of a task, with agents of every form of message.
func TestLife(t *testing.T) {
	for name, o := range map[string]fakeagent.Options{"current agent": {}, "agent 0.21": {Old: true}} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, o)
			must(t, a.Launch(task())) // before the executor is there, so that registration and launch come as one
			f := start(t, environment(t, a))
			subscribed := f.expect(executor.Event_SUBSCRIBED).Subscribed
			if subscribed.FrameworkInfo.ID.Value != "framework" || subscribed.ExecutorInfo.ExecutorID.Value != "executor" || subscribed.AgentInfo.ID.Value != "agent-S0" {
				t.Errorf("SUBSCRIBED: %v", subscribed)
			}
			launch := f.expect(executor.Event_LAUNCH).Launch
			if want := task(); !launch.Task.Equal(&want) {
				t.Errorf("LAUNCH: %v", launch.Task)
			}
			f.outbox.launched(launch.Task)
			f.acknowledged(status(1, mesos.TASK_STARTING))
			f.acknowledged(status(2, mesos.TASK_RUNNING))
			must(t, a.Message([]byte("hello")))
			if m := f.expect(executor.Event_MESSAGE).Message; string(m.Data) != "hello" {
				t.Errorf("MESSAGE: %q", m.Data)
			}
			must(t, a.Kill("task", &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: 7}}))
			if kill := f.expect(executor.Event_KILL).Kill; kill.TaskID.Value != "task" || kill.KillPolicy.GracePeriod.Nanoseconds != 7 {
				t.Errorf("KILL: %v", kill)
			}
			must(t, a.Shutdown(false))
			f.expect(executor.Event_SHUTDOWN)
			f.acknowledged(status(3, mesos.TASK_KILLED)) // after the shutdown as before
			must(t, a.Shutdown(true))
			f.expect(executor.Event_SHUTDOWN)
			if diff := cmp.Diff([]string{registerExecutor, statusUpdate, statusUpdate, statusUpdate}, a.Received()); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if a.Repeated() != 0 {
				t.Error("an update was sent twice")
			}
		})
	}
}

// A restarted agent, on the same port or another, gets what it may have missed: the task while nothing of it is acknowledged,
// and updates that are not.
func TestAgentRestart(t *testing.T) {
	for _, anotherPort := range []bool{false, true} {
		t.Run(fmt.Sprintf("another port %v", anotherPort), func(t *testing.T) {
			a := newAgent(t, fakeagent.Options{Port: freePort(t)})
			f := start(t, environment(t, a))
			f.launched(a)
			restart := func() {
				t.Helper()
				a.Stop()
				f.expect(agent.Away.Type)
				f.quiet(50 * time.Millisecond)
				must(t, a.Start(anotherPort))
				must(t, a.Reconnect())
			}
			restart() // with a task that has no update
			f.expect(executor.Event_SUBSCRIBED)

			a.LoseAcknowledgements(1)
			f.outbox.add(status(1, mesos.TASK_STARTING))
			must(t, a.AwaitStored(patiently(t), 1))
			restart()
			f.expect(executor.Event_SUBSCRIBED)
			f.outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged)

			a.Stop()
			f.outbox.add(status(2, mesos.TASK_RUNNING)) // while nobody is there
			restart()
			s := f.expect(executor.Event_SUBSCRIBED).Subscribed
			if s.FrameworkInfo.Name != "marathon" || s.ExecutorInfo.ExecutorID.Value != "executor" {
				t.Errorf("SUBSCRIBED: %v", s)
			}
			f.outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged)
			f.acknowledged(status(3, mesos.TASK_FINISHED))
			if got := a.Stored(); len(got) != 3 || a.Repeated() != 1 {
				t.Errorf("%d updates were stored and %d repeated", len(got), a.Repeated())
			}
		})
	}
}

// An agent that asks again before it has the answer gets one.
func TestReconnectIsRepeated(t *testing.T) {
	a := newAgent(t, fakeagent.Options{RetriesReconnect: true})
	f := start(t, environment(t, a))
	f.launched(a)
	a.Stop()
	must(t, a.Start(true))
	for range 3 {
		must(t, a.Reconnect())
	}
	f.expect(executor.Event_SUBSCRIBED)
	f.acknowledged(status(1, mesos.TASK_RUNNING))
}

// An agent that dies right after it has asked is answered by nobody: what it asked for would reach the next one, which asks itself and
// takes a second answer for that of an executor gone wrong.
func TestReconnectOfAnAgentThatDies(t *testing.T) {
	for name, late := range map[string]func(f *fixture, a *fakeagent.Agent, round int) error{
		"before the next one": func(f *fixture, a *fakeagent.Agent, _ int) error {
			if err := a.LateReconnect(); err != nil {
				return err
			}
			f.quiet(10 * linkRetry) // there is no next one for longer than the executor tries to answer
			return a.Start(false)
		},
		"read when the next one listens": func(_ *fixture, a *fakeagent.Agent, round int) error {
			if err := a.Start(false); err != nil {
				return err
			}
			if err := a.LateReconnect(); err != nil {
				return err
			}
			return a.AwaitReceived(patiently(t), reregisterExecutor, round)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, fakeagent.Options{Port: freePort(t)})
			f := start(t, environment(t, a))
			f.launched(a)
			for round := range 2 {
				a.Stop()
				f.quiet(50 * time.Millisecond)
				must(t, late(f, a, round+1))
				if name == "before the next one" {
					f.quiet(3 * linkRetry)
				} else {
					f.expect(executor.Event_SUBSCRIBED)
				}
				must(t, a.Reconnect())
				if name == "before the next one" {
					f.expect(executor.Event_SUBSCRIBED)
				}
				f.quiet(3 * linkRetry)
			}
			f.acknowledged(status(1, mesos.TASK_RUNNING))
		})
	}
}

// The agent is another one, but the old connections have not noticed.
func TestReconnectWithoutAnEndOfTheLink(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	f := start(t, environment(t, a))
	f.launched(a)
	a.LoseAcknowledgements(1)
	f.outbox.add(status(1, mesos.TASK_STARTING))
	must(t, a.AwaitStored(patiently(t), 1))
	b, err := a.Successor()
	must(t, err)
	defer func() {
		b.Stop()
		if err := b.Violations(); err != nil {
			t.Error(err)
		}
	}()
	must(t, b.Reconnect())
	f.expect(executor.Event_SUBSCRIBED)
	f.outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged)
	f.acknowledged(status(2, mesos.TASK_RUNNING))
	a.Stop() // is no more our agent
	f.quiet(100 * time.Millisecond)
	if got := len(b.Stored()); got != 2 || b.Repeated() != 1 {
		t.Errorf("%d updates stored, %d repeated", got, b.Repeated())
	}
}

func TestShutdownWhenTheAgentIsGone(t *testing.T) {
	t.Run("no checkpoint", func(t *testing.T) {
		a := newAgent(t, fakeagent.Options{})
		f := start(t, environment(t, a, "MESOS_CHECKPOINT=0"))
		f.launched(a)
		a.Stop()
		f.expect(executor.Event_SHUTDOWN)
		f.quiet(50 * time.Millisecond)
	})
	t.Run("checkpoint", func(t *testing.T) {
		const timeout = 300 * time.Millisecond
		a := newAgent(t, fakeagent.Options{})
		f := start(t, environment(t, a, "MESOS_RECOVERY_TIMEOUT=300ms"))
		f.launched(a)
		began := time.Now()
		a.Stop()
		f.expect(executor.Event_SHUTDOWN)
		if took := time.Since(began); took < timeout {
			t.Errorf("it took %v, the agent had %v", took, timeout)
		}
		// An agent that comes after all still learns how the task ended.
		f.outbox.add(status(1, mesos.TASK_KILLED))
		must(t, a.Start(true))
		must(t, a.Reconnect())
		f.expect(executor.Event_SUBSCRIBED)
		f.outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged)
		f.quiet(2 * timeout)
		a.Stop()
		f.quiet(2 * timeout) // not told twice
	})
	t.Run("back in time", func(t *testing.T) {
		const timeout = time.Second
		a := newAgent(t, fakeagent.Options{Port: freePort(t)})
		f := start(t, environment(t, a, "MESOS_RECOVERY_TIMEOUT=1secs"))
		f.launched(a)
		a.Stop()
		must(t, a.Start(false))
		must(t, a.Reconnect())
		f.expect(executor.Event_SUBSCRIBED)
		f.quiet(timeout + timeout/2)
	})
	t.Run("not registered", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		a := newAgent(t, fakeagent.Options{})
		f := start(t, environment(t, a, "MESOS_SLAVE_PID=slave(1)@"+listener.Addr().String()))
		conn, err := listener.Accept()
		must(t, err)
		listener.Close()
		conn.Close()
		f.expect(executor.Event_SHUTDOWN)
	})
	t.Run("never there", func(t *testing.T) {
		a := newAgent(t, fakeagent.Options{})
		env := environment(t, a)
		a.Stop()
		f := start(t, env)
		f.expect(executor.Event_SHUTDOWN)
	})
}

// An agent that is stopped for a while, as by a debugger, has not gone, and gets everything.
func TestSilentAgent(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	f := start(t, environment(t, a))
	f.launched(a)
	f.acknowledged(status(1, mesos.TASK_RUNNING))
	a.Silence(true)
	for n := 2; n < 40; n++ {
		s := status(n, mesos.TASK_RUNNING)
		s.Data = bytes.Repeat([]byte("x"), 1<<20) // more than sockets hold
		f.outbox.add(s)
	}
	must(t, a.Kill("task", nil)) // the other direction is not held up
	f.expect(executor.Event_KILL)
	f.quiet(100 * time.Millisecond)
	a.Silence(false)
	for n := 2; n < 40; n++ {
		f.outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged)
	}
	if got := len(a.Stored()); got != 39 || a.Repeated() != 0 {
		t.Errorf("%d updates stored, %d repeated", got, a.Repeated())
	}
}

func TestMessagesForOthersAreIgnored(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	f := start(t, environment(t, a))
	f.launched(a)
	must(t, a.ShutdownOther())
	f.quiet(100 * time.Millisecond)
	must(t, a.Shutdown(false))
	f.expect(executor.Event_SHUTDOWN)
	must(t, a.Launch(task())) // too late
	f.quiet(100 * time.Millisecond)
}

// freePort returns a port of five digits that nobody uses and that nobody is given who asks for any.
func freePort(t *testing.T) string {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", 10000+rand.N(20000)))
		if err == nil {
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// What a task puts into LIBPROCESS_* does not keep its executor from the agent.
func TestListenVariables(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	freePort := freePort(t)
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	for name, c := range map[string]struct {
		changes []string
		want    string // "" for any port on 127.0.0.1
	}{
		"port":                  {[]string{"LIBPROCESS_PORT=" + freePort}, "127.0.0.1:" + freePort},
		"port in use":           {[]string{"LIBPROCESS_PORT=" + takenPort}, ""},
		"port that is none":     {[]string{"LIBPROCESS_PORT=$PORT0"}, ""},
		"no address":            {[]string{"LIBPROCESS_IP="}, ""},
		"any address":           {[]string{"LIBPROCESS_IP=0.0.0.0"}, ""},
		"foreign address":       {[]string{"LIBPROCESS_IP=192.0.2.1"}, ""},
		"name":                  {[]string{"LIBPROCESS_IP=host.invalid", "LIBPROCESS_PORT="}, ""},
		"advertised":            {[]string{"LIBPROCESS_PORT=" + freePort, "LIBPROCESS_IP=0.0.0.0", "LIBPROCESS_ADVERTISE_IP=127.0.0.3", "LIBPROCESS_ADVERTISE_PORT=" + freePort}, "127.0.0.3:" + freePort},
		"advertised IP only":    {[]string{"LIBPROCESS_PORT=" + freePort, "LIBPROCESS_IP=", "LIBPROCESS_ADVERTISE_IP=127.0.0.4"}, "127.0.0.4:" + freePort},
		"advertised, not valid": {[]string{"LIBPROCESS_ADVERTISE_IP=$HOST", "LIBPROCESS_ADVERTISE_PORT=-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, fakeagent.Options{})
			f := start(t, environment(t, a, c.changes...))
			f.launched(a)
			got := strings.TrimPrefix(a.Executor(), processID+"@")
			if c.want != "" && got != c.want || !strings.HasPrefix(got, "127.0.0.") {
				t.Errorf("the executor is at %s, want %s", got, c.want)
			}
			f.acknowledged(status(1, mesos.TASK_RUNNING))
		})
	}
}

// Who is not the agent is not listened to, and who says nothing or nonsense holds nobody up.
func TestOtherPeers(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	f := start(t, environment(t, a))
	f.launched(a)
	address := strings.TrimPrefix(a.Executor(), processID+"@")
	dial := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.Dial("tcp", address)
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	from, err := parseUPID(a.UPID())
	must(t, err)
	shutdown := appendRequest(nil, from, upid{id: processID, address: address}, shutdownExecutor, nil)
	dial("127.0.0.2").Write(shutdown)
	for range 5 {
		dial("127.0.0.1").Close() // as a recovering agent does
		dial("127.0.0.1")         // and stays
		dial("127.0.0.1").Write([]byte("POST /executor(1)/mesos."))
	}
	for _, said := range []string{
		"GET / HTTP/1.1\r\n\r\n", "POST /other/mesos.internal.ShutdownExecutorMessage HTTP/1.1\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\n\r\n",
		"POST /executor(1)/mesos.internal.ShutdownExecutorMessage HTTP/1.1\r\nUser-Agent: curl\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00",
		"POST /executor(1)/mesos.internal.KillTaskMessage HTTP/1.1\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\nContent-Length: 2\r\n\r\n\x0a\x7f",
		"POST /executor(1)/mesos.internal.NoSuchMessage HTTP/1.1\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\n\r\n",
		"GET /executor(1)/mesos.internal.ShutdownExecutorMessage HTTP/1.1\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\n\r\n",
	} {
		dial("127.0.0.1").Write([]byte(said))
	}
	f.quiet(100 * time.Millisecond)
	f.acknowledged(status(1, mesos.TASK_RUNNING))
	// A message of the agent's in the form that only receivers know: with Content-Length.
	conn := dial("127.0.0.1")
	body := []byte{0x12, 6, 0x0a, 4, 't', 'a', 's', 'k'}
	fmt.Fprintf(conn, "POST /executor(1)/mesos.internal.KillTaskMessage HTTP/1.1\r\nLibprocess-From: %s\r\nContent-Length: %d\r\n\r\n%s", a.UPID(), len(body), body)
	f.expect(executor.Event_KILL)
	got := make([]byte, 64)
	n, err := conn.Read(got)
	if want := "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"; err != nil || string(got[:n]) != want {
		t.Errorf("answer %q, %v", got[:n], err)
	}
}

// Messages may come as one, and in any pieces: each is handled once, in order.
func TestPipelining(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	f := start(t, environment(t, a))
	f.launched(a)
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.Executor(), processID+"@"))
	must(t, err)
	defer conn.Close()
	from, err := parseUPID(a.UPID())
	must(t, err)
	const messages = 200
	var said []byte
	for n := range messages {
		var body encoder
		body.id(2, fmt.Sprintf("task-%d", n))
		said = appendRequest(said, from, upid{id: processID, address: "x"}, killTask, body.buf)
	}
	go func() {
		for rest := said; len(rest) > 0; {
			piece := min(len(rest), 1+rand.N(700))
			if _, err := conn.Write(rest[:piece]); err != nil {
				return
			}
			rest = rest[piece:]
		}
	}()
	for n := range messages {
		if got := f.expect(executor.Event_KILL).Kill.TaskID.Value; got != fmt.Sprintf("task-%d", n) {
			t.Fatalf("message %d is about %s", n, got)
		}
	}
	f.acknowledged(status(1, mesos.TASK_RUNNING))
}

func TestTooManyConnections(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	f := start(t, environment(t, a))
	f.launched(a)
	for range 2 * maxConnections {
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.Executor(), processID+"@"))
		must(t, err)
		defer conn.Close()
	}
	f.acknowledged(status(1, mesos.TASK_RUNNING)) // on the agent's connection, which was there before
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	a := newAgent(t, fakeagent.Options{})
	for words, changes := range map[string][]string{
		"MESOS_SLAVE_PID":          {"MESOS_SLAVE_PID="},
		"LIBPROCESS_SSL_CERT_FILE": {"LIBPROCESS_SSL_ENABLED=1"},
	} {
		if _, err := New(environment(t, a, changes...), zaptest.NewLogger(t)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want %s in it", err, words)
		}
	}
}
