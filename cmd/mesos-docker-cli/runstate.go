package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/internal/transport/stdcopy"
)

// runState is what the client of a run keeps beyond the life of a daemon. It is guarded by the client's mutex.
type runState struct {
	container *protocol.Container // nil until there is one
	stream    *stream             // the last, nil without one
	last      time.Time           // when something last came on any
	patient   bool                // sayPatient has printed
}

// stream is a connection to the container's output.
type stream struct {
	conn net.Conn
	end  time.Time     // zero while it is open; guarded by the client's mutex
	done chan struct{} // closed at the end, when all was written
}

// again returns the state for the next daemon.
func (k *runState) again() *protocol.Again {
	a := &protocol.Again{Container: k.container}
	if k.stream != nil {
		a.Output = &protocol.OutputState{Open: k.stream.end.IsZero(), End: protocol.OutputEnd{Last: k.last, Ended: k.stream.end}}
	}
	return a
}

// close ends output that the daemon has not waited for: that of a container that was not started, or that keeps running.
func (k *runState) close() {
	if k.stream != nil {
		k.stream.conn.Close()
		<-k.stream.done
	}
}

// keep stores what the daemon reports of a run.
func (c *client) keep(conn *protocol.Conn, kind protocol.Kind, body []byte) error {
	switch kind {
	case protocol.KindContainer:
		container, err := protocol.Decode[protocol.Container](body)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.run.container = &container
	case protocol.KindOutput:
		o, err := protocol.Decode[protocol.Output](body)
		if err != nil {
			return err
		}
		return c.read(o, conn.File())
	case protocol.KindSignalTaken:
		taken, err := protocol.Decode[protocol.Signal](body)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if i := slices.Index(c.pending, syscall.Signal(taken.Number)); i >= 0 {
			c.pending = slices.Delete(c.pending, i, i+1)
		}
	}
	return nil
}

// read copies the container's output in the background, and says when it has ended.
func (c *client) read(o protocol.Output, file *os.File) error {
	if file == nil {
		return errors.New("the container's output did not come along")
	}
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return fmt.Errorf("the container's output: %w", err)
	}
	s := &stream{conn: conn, done: make(chan struct{})}
	c.mu.Lock()
	before := c.run.stream
	c.run.stream = s
	c.mu.Unlock()
	stdout, stderr := io.Discard, io.Discard
	if o.Stdout {
		stdout = &sink{to: c.stdout, complain: c.stderr}
	}
	if o.Stderr {
		stderr = &sink{to: c.stderr, complain: io.Discard}
	}
	go func() {
		defer close(s.done)
		if before != nil { // the daemon gives a second one only after the end of the first
			<-before.done
		}
		_ = stdcopy.Copy(&noting{c, conn}, o.TTY, stdout, stderr) // whether that was all is the daemon's question
		conn.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		s.end = time.Now()
		if c.conn != nil {
			_ = c.conn.SendJSON(protocol.KindOutputEnd, protocol.OutputEnd{Last: c.run.last, Ended: s.end}) // or else the next daemon is told
		}
	}()
	return nil
}

// noting notes when something was read.
type noting struct {
	c    *client
	from io.Reader
}

func (n *noting) Read(p []byte) (int, error) {
	size, err := n.from.Read(p)
	if size > 0 {
		n.c.mu.Lock()
		n.c.run.last = time.Now()
		n.c.mu.Unlock()
	}
	return size, err
}

// sink never fails: a full disk must not hold a container back, and output is written again when there is room.
type sink struct {
	to, complain io.Writer
	failed       bool
}

func (s *sink) Write(p []byte) (int, error) {
	if _, err := s.to.Write(p); err != nil && !s.failed {
		s.failed = true
		fmt.Fprintln(s.complain, "docker: output is lost:", err)
	}
	return len(p), nil
}

// outlives reports whether the command was asked for and is one that outlives the daemon.
func (c *client) outlives() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policy.survives && c.called
}

// sayPatient prints to stderr, once, that the command waits for the daemon.
func (c *client) sayPatient(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run.patient {
		return
	}
	c.run.patient = true
	fmt.Fprintf(c.stderr, "docker: mesos-docker-containerizer at unix://%s went away and was not reached within %v (%v); the container is not touched, "+
		"and its end is waited for: see systemctl status mesos-docker-containerizer\n", c.socket, c.patience, err)
}
