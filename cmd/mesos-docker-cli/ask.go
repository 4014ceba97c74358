package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/conversation"
)

// client asks the daemon for one command.
type client struct {
	socket   string
	patience time.Duration
	manner   manner

	stdin          io.Reader // read when the command reads it, and not otherwise
	stdout, stderr io.Writer
	terminal       *terminal

	mu   sync.Mutex
	conn *conversation.Conn // the conversation, once the call has been made
}

// Waits between two attempts to reach the daemon.
const (
	redialMin = 20 * time.Millisecond
	redialMax = 500 * time.Millisecond
)

// errSilent says that the daemon took the call and gave no sign of life for as long as patience lasts.
var errSilent = errors.New("it has taken the command and is silent")

// ask carries on the conversation and returns the command's exit status.
func (c *client) ask(call conversation.Call) int {
	for asks := 1; ; asks++ {
		conn, err := c.reach(time.Now().Add(c.patience))
		if err != nil {
			return c.unreachable(err)
		}
		status, err := c.converse(conn, call)
		switch {
		case err == nil:
			return status
		case errors.Is(err, errSilent):
			return c.unreachable(err)
		case !c.manner.repeat || asks == maxAsks:
			return c.lost(err)
		}
	}
}

// reach opens a conversation. A daemon that is not there, or not the right one, may be on its way.
func (c *client) reach(deadline time.Time) (*conversation.Conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	for wait := redialMin; ; wait = min(2*wait, redialMax) {
		conn, err := conversation.Dial(ctx, c.socket)
		if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, conversation.ErrPeer) {
			return conn, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// converse makes the call and does what the daemon says until the command has ended. An error other than errSilent is the end of
// the daemon.
func (c *client) converse(conn *conversation.Conn, call conversation.Call) (int, error) {
	defer conn.Close()
	if err := c.call(conn, call); err != nil {
		return 0, silence(err)
	}
	answer := newAnswer(c.stdout, c.stderr, c.manner.repeat && !c.manner.stream)
	for {
		if c.manner.bounded {
			if err := conn.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
				return 0, err
			}
		}
		kind, body, err := conn.Receive()
		if err != nil {
			return 0, silence(err)
		}
		switch kind {
		case conversation.KindStdout:
			err = answer.write(answer.stdout, body)
		case conversation.KindStderr:
			err = answer.write(answer.stderr, body)
		case conversation.KindReadStdin:
			go sendStdin(conn, c.stdin)
		case conversation.KindRaw:
			err = c.terminal.raw()
		case conversation.KindExit:
			exit, err := conversation.Decode[conversation.Exit](body)
			if err != nil {
				return 0, err
			}
			if err := answer.flush(); err != nil {
				return c.failed(err), nil
			}
			return exit.Status, nil
		}
		if err != nil {
			return c.failed(err), nil
		}
	}
}

// call makes the call. A signal that comes meanwhile waits: it ends the process before the call and is the command's after it.
func (c *client) call(conn *conversation.Conn, call conversation.Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return err
	}
	if err := conn.SendJSON(conversation.KindCall, call); err != nil {
		return err
	}
	c.conn = conn
	return conn.SetDeadline(time.Time{})
}

// silence tells a deadline from the end of the daemon.
func silence(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return err
}

// sendStdin answers one request for a piece of stdin. The daemon makes no other before.
func sendStdin(conn *conversation.Conn, stdin io.Reader) {
	buffer := make([]byte, conversation.MaxData)
	for {
		n, err := stdin.Read(buffer)
		switch {
		case n > 0:
			_ = conn.Send(conversation.KindStdin, buffer[:n]) // a daemon that is gone is seen by who receives
			return
		case err != nil:
			_ = conn.Send(conversation.KindStdinEnd, nil)
			return
		}
	}
}

// signalled takes a signal to the process: it ends the process unless the command is there to decide.
func (c *client) signalled(s syscall.Signal) {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	switch {
	case s == syscall.SIGWINCH:
		if size := c.terminal.size(); conn != nil && size != nil {
			_ = conn.SendJSON(conversation.KindSize, size) // a daemon that is gone is seen by who receives
		}
	case conn != nil && c.manner.signals:
		_ = conn.SendJSON(conversation.KindSignal, conversation.Signal{Number: int(s)})
	default:
		c.terminal.restore()
		os.Exit(128 + int(s))
	}
}

// answer is what a command prints.
type answer struct {
	stdout, stderr io.Writer
	held           []held // what is to be printed at the end
	hold           bool
}

type held struct {
	to   io.Writer
	text bytes.Buffer
}

func newAnswer(stdout, stderr io.Writer, hold bool) *answer {
	return &answer{stdout: stdout, stderr: stderr, hold: hold}
}

func (a *answer) write(to io.Writer, body []byte) error {
	if !a.hold {
		_, err := to.Write(body)
		return err
	}
	if last := len(a.held) - 1; last < 0 || a.held[last].to != to {
		a.held = append(a.held, held{to: to})
	}
	a.held[len(a.held)-1].text.Write(body)
	return nil
}

// flush prints what is held, in the order in which it came.
func (a *answer) flush() error {
	for i := range a.held {
		if _, err := a.held[i].to.Write(a.held[i].text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) failed(err error) int {
	fmt.Fprintln(c.stderr, "docker:", err)
	return statusFailed
}

// unreachable says so as docker does, and adds what to do.
func (c *client) unreachable(err error) int {
	switch {
	case errors.Is(err, fs.ErrPermission):
		fmt.Fprintf(c.stderr, "permission denied while trying to connect to the Docker daemon socket at unix://%s: "+
			"mesos-docker-containerizer answers root alone\n", c.socket)
	case errors.Is(err, conversation.ErrOtherVersion):
		fmt.Fprintf(c.stderr, "Cannot talk to the Docker daemon at unix://%s: %v; "+
			"restart it (systemctl restart mesos-docker-containerizer)\n", c.socket, err)
	default:
		fmt.Fprintf(c.stderr, "Cannot connect to the Docker daemon at unix://%s. Is the docker daemon running? "+
			"mesos-docker-containerizer, which answers there, was not reached within %v (%v): see systemctl status mesos-docker-containerizer\n",
			c.socket, c.patience, err)
	}
	return c.manner.unreachable
}

// lost says that the daemon went away in the middle of a command.
func (c *client) lost(err error) int {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	fmt.Fprintf(c.stderr, "docker: the daemon at unix://%s went away in the middle of the command (%v), whose end is not known\n", c.socket, err)
	return c.manner.lost
}
