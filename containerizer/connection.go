package containerizer

import (
	"cmp"
	"os"
	"reflect"
	"slices"
	"sync"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// sendQueue is how many messages may wait for an executor that does not read. One that has fallen behind by so many is stuck: its
// connection is closed, and when it attaches again it is told what holds.
const sendQueue = 256

// executorConn is what a session says to its executor, over whatever connection that has. Each connection has a queue with one
// writer, so nobody who sends waits for the executor, and the order is kept. The zero value has no connection.
type executorConn struct {
	mu     sync.Mutex     // guards what follows; nothing waits while it is held
	out    *outbox        // nil while the executor is away
	sticky []wire.Message // what holds, for an executor that attaches again
	closed bool           // there will be no other connection
}

// outbox is the queue of one connection.
type outbox struct {
	conn  *wire.Conn
	queue chan *outgoing // closed by end; pointers, since most queues stay empty
}

// outgoing is a message, with a file that is closed once it was sent, or cannot be.
type outgoing struct {
	message wire.Message
	file    *os.File
}

// setConn makes a connection the executor's, in place of the one it had, and sends what holds. The caller runs write and, at the end
// of the connection, end.
func (e *executorConn) setConn(conn *wire.Conn) *outbox {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := &outbox{conn: conn, queue: make(chan *outgoing, sendQueue)}
	if e.closed {
		conn.Close()
		return out
	}
	if e.out != nil {
		e.out.conn.Close()
	}
	e.out = out
	for _, m := range e.sticky {
		e.enqueue(&outgoing{message: m})
	}
	return out
}

// end gives a connection up.
func (e *executorConn) end(out *outbox) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.out == out {
		e.out = nil
	}
	close(out.queue) // only the current one is sent to
}

// close closes the connection, for good.
func (e *executorConn) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.out != nil {
		e.out.conn.Close()
		e.out = nil
	}
}

// write sends what is queued until end is called. After an error it closes the connection, and what is left is dropped.
func (o *outbox) write() {
	broken := false
	for next := range o.queue {
		if !broken && o.conn.Send(next.message, next.file) != nil {
			o.conn.Close() // who receives notices
			broken = true
		}
		if next.file != nil {
			next.file.Close()
		}
	}
}

// sendSticky says something that holds from now on: an executor that attaches again is told again. Of several kills the last holds.
func (e *executorConn) sendSticky(m wire.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sticky = slices.DeleteFunc(e.sticky, func(earlier wire.Message) bool { return m.Kill != nil && earlier.Kill != nil })
	e.sticky = append(e.sticky, m)
	e.enqueue(&outgoing{message: m})
}

// sendOnce says something that is dropped while the executor is away. It takes over the file, which may be nil.
func (e *executorConn) sendOnce(m wire.Message, file *os.File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.enqueue(&outgoing{m, file})
}

// lastSent is what was sent last of probes of one kind, and on which connection: on another the executor need not have heard of it.
type lastSent struct {
	out    *outbox
	health *wire.Health
	check  *wire.Check
}

// sendNews is sendOnce of the result of a probe, unless the same was sent last.
func (e *executorConn) sendNews(m wire.Message, last *lastSent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.out == last.out && reflect.DeepEqual(m.Health, last.health) && reflect.DeepEqual(m.Check, last.check) {
		return
	}
	*last = lastSent{e.out, m.Health, m.Check}
	e.enqueue(&outgoing{message: m})
}

// enqueue needs e.mu.
func (e *executorConn) enqueue(next *outgoing) {
	if e.out != nil {
		select {
		case e.out.queue <- next:
			return
		default: // stuck
			e.out.conn.Close()
			e.out = nil
		}
	}
	if next.file != nil {
		next.file.Close()
	}
}

// attached reports whether the executor has a connection.
func (e *executorConn) attached() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.out != nil
}

// serve takes over a connection of the session's executor until it ends. The executor is told again all that holds.
func (s *session) serve(conn *wire.Conn, attach *wire.Attach) {
	out := s.conn.setConn(conn)
	var writer sync.WaitGroup
	writer.Go(out.write)
	defer writer.Wait()
	defer s.conn.end(out)
	defer conn.Close()
	if attach.State != nil {
		s.catchUp(attach.State)
	}
	for {
		m, file, err := conn.Receive()
		if file != nil {
			file.Close()
		}
		if err != nil {
			return
		}
		s.take(m)
	}
}

// catchUp takes what the executor said while it was not connected.
func (s *session) catchUp(state *wire.State) {
	s.take(wire.Message{Launch: &state.Launch})
	if state.Kill != nil {
		s.take(wire.Message{Kill: state.Kill})
	}
	switch {
	case state.Exited:
	case state.OutputOver:
		s.container.OutputOver()
	case !state.HasOutput:
		broken := state.Position == nil || state.Position.Broken
		s.container.OutputEnded(outputEnd(&wire.Resume{Since: state.OutputSince, Ended: state.OutputEnded, Broken: broken, Uncertain: true, Unreadable: state.Unreadable, Position: state.Position}))
	}
}

// take takes one message. What concerns a container comes after the launch.
func (s *session) take(m wire.Message) {
	if m.Launch != nil {
		s.launch(*m.Launch)
	}
	select {
	case <-s.launched:
	default:
		return
	}
	switch {
	case m.Kill != nil:
		m.Kill.Anchor()
		if ordered := s.container.StopDeadline(); ordered.IsZero() || !wire.SameTime(ordered, m.Kill.Deadline) {
			if m.Kill.Unhealthy && ordered.IsZero() && m.Kill.Sent.IsZero() { // else an earlier daemon has counted it
				s.server.options.Metrics.TaskKilledForHealth()
			}
			s.at.stopping(record.Stop{By: cmp.Or(m.Kill.Why, "its executor asked for it"), Deadline: m.Kill.Deadline, Unhealthy: m.Kill.Unhealthy})
			s.container.Stop(container.StopOrder{Deadline: m.Kill.Deadline, Grace: m.Kill.Grace, Sent: m.Kill.Sent})
		}
	case m.Resume != nil:
		s.container.OutputEnded(outputEnd(m.Resume))
	case m.Done != nil:
		s.finish.Do(func() { close(s.done) })
	}
}

// stopSent tells the executor that the stop signal was sent, which it may have to tell the next daemon.
func (s *session) stopSent(order container.StopOrder) {
	s.conn.sendSticky(wire.Message{Kill: new(wire.Kill{Deadline: order.Deadline, Grace: order.Grace, Sent: order.Sent})})
}

// outputEnd is what the executor says of the end of a stream.
func outputEnd(r *wire.Resume) container.OutputEnd {
	end := container.OutputEnd{Last: r.Since, Ended: r.Ended, Broken: r.Broken, Uncertain: r.Uncertain, Unreadable: r.Unreadable}
	if p := r.Position; p != nil {
		end.Position = &container.Position{Since: p.Since, Received: p.Stdout + p.Stderr, Until: p.Until, Again: p.Again, Ends: p.Ends}
	}
	return end
}
