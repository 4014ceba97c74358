package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/internal/transport"
)

// client asks the daemon for one command.
type client struct {
	socket   string
	patience time.Duration
	policy   retryPolicy

	stdin          io.Reader // read when the command reads it, and not otherwise
	stdout, stderr io.Writer
	terminal       *terminal

	mu      sync.Mutex
	conn    *protocol.Conn   // from the call to its end
	called  bool             // the call has been made once: signals are the command's
	pending []syscall.Signal // that the daemon has not said to have done with, in their order
	run     runState         // of a run
}

// Waits between two attempts to reach the daemon.
const (
	redialMin = 20 * time.Millisecond
	redialMax = 500 * time.Millisecond
)

// errSilent says that the daemon took the call and gave no sign of life for as long as patience lasts.
var errSilent = errors.New("it has taken the command and is silent")

// ask makes the call to the daemon, again if the policy allows, and returns the command's exit status.
func (c *client) ask(call protocol.Call) int {
	defer c.run.close()
	for asks := 1; ; asks++ {
		conn, err := c.reach()
		if err != nil {
			return c.unreachable(err)
		}
		status, err := c.exchange(conn, call)
		switch {
		case err == nil:
			return status
		case errors.Is(err, errSilent) && !c.outlives():
			return c.unreachable(err)
		case !c.asksAgain(asks):
			return c.lost(err)
		}
		<-time.After(min(redialMin<<min(asks, 10), redialMax)) // for a daemon that ends at once, over and over
	}
}

// asksAgain reports whether a command is repeated after the daemon went away. The number of repetitions is limited, because the command
// may be the reason why the daemon dies. There is no limit once a container is known.
func (c *client) asksAgain(asks int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.policy.survives && c.run.container != nil:
		return true
	case c.policy.survives:
		return asks < maxRunAsks
	}
	return c.policy.repeat && asks < maxAsks
}

// reach connects to the daemon. The daemon may be about to start, so reach retries for as long as patience lasts. For a run that was
// requested already it retries without limit, since the container may run.
func (c *client) reach() (*protocol.Conn, error) {
	deadline := time.Now().Add(c.patience)
	for wait := redialMin; ; wait = min(2*wait, redialMax) {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		conn, err := protocol.Dial(ctx, c.socket)
		cancel()
		if err == nil {
			return conn, nil
		}
		left := time.Until(deadline)
		<-time.After(min(wait, left))
		switch {
		case c.outlives() && left <= wait:
			c.sayPatient(err)
			deadline = time.Now().Add(c.patience)
		case c.outlives():
		case left <= wait, errors.Is(err, fs.ErrPermission), errors.Is(err, transport.ErrPeer):
			return nil, err
		}
	}
}

// exchange makes the call and handles the daemon's frames until the command has ended. An error other than errSilent means that the
// daemon is gone.
func (c *client) exchange(conn *protocol.Conn, call protocol.Call) (int, error) {
	defer conn.Close()
	defer c.hangUp()
	if err := c.call(conn, call); err != nil {
		return 0, silence(err)
	}
	answer := &answer{hold: c.policy.repeat && !c.policy.stream}
	for {
		if c.policy.bounded {
			if err := conn.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
				return 0, err
			}
		}
		kind, body, err := conn.Receive()
		if err != nil {
			return 0, silence(err)
		}
		switch kind {
		case protocol.KindStdout:
			err = answer.write(c.stdout, body)
		case protocol.KindStderr:
			err = answer.write(c.stderr, body)
		case protocol.KindReadStdin:
			go sendStdin(conn, c.stdin)
		case protocol.KindRaw:
			err = c.terminal.raw()
		case protocol.KindContainer, protocol.KindOutput, protocol.KindSignalTaken:
			err = c.keep(conn, kind, body)
		case protocol.KindExit:
			exit, err := protocol.Decode[protocol.Exit](body)
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

// call makes the call, with the state of earlier ones. A signal that comes meanwhile waits: before the first call it ends the process,
// after it the command decides.
func (c *client) call(conn *protocol.Conn, call protocol.Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return err
	}
	if c.policy.survives && c.called {
		call.Again = c.run.again()
	}
	if err := conn.SendJSON(protocol.KindCall, call); err != nil {
		return err
	}
	c.called = true
	for _, s := range c.pending {
		if err := conn.SendJSON(protocol.KindSignal, protocol.Signal{Number: int(s)}); err != nil {
			return err
		}
	}
	c.conn = conn
	return conn.SetDeadline(time.Time{})
}

// hangUp makes later signals and sizes wait for the next connection.
func (c *client) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = nil
}

// silence tells a deadline from the end of the daemon.
func silence(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return err
}

// sendStdin answers one request for a piece of stdin. The daemon makes no other before.
func sendStdin(conn *protocol.Conn, stdin io.Reader) {
	buffer := make([]byte, protocol.MaxData)
	for {
		n, err := stdin.Read(buffer)
		switch {
		case n > 0:
			_ = conn.Send(protocol.KindStdin, buffer[:n]) // a daemon that is gone is seen by who receives
			return
		case err != nil:
			_ = conn.Send(protocol.KindStdinEnd, nil)
			return
		}
	}
}

// signalled handles a signal to the process. It ends the process unless the command decides what the signal means. A signal of a run is
// kept until a daemon confirms that it has handled it.
func (c *client) signalled(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s == syscall.SIGWINCH:
		if size := c.terminal.size(); c.conn != nil && size != nil {
			_ = c.conn.SendJSON(protocol.KindSize, size) // a daemon that is gone is seen by who receives
		}
	case c.called && c.policy.signals:
		if c.conn == nil && slices.Contains(c.pending, s) {
			return // the kernel, too, keeps only one of a kind
		}
		c.pending = append(c.pending, s)
		if c.conn != nil {
			_ = c.conn.SendJSON(protocol.KindSignal, protocol.Signal{Number: int(s)})
		}
	default:
		c.terminal.restore()
		os.Exit(128 + int(s))
	}
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
	case errors.Is(err, protocol.ErrOtherVersion):
		fmt.Fprintf(c.stderr, "Cannot talk to the Docker daemon at unix://%s: %v; "+
			"restart it (systemctl restart mesos-docker-containerizer)\n", c.socket, err)
	default:
		fmt.Fprintf(c.stderr, "Cannot connect to the Docker daemon at unix://%s. Is the docker daemon running? "+
			"mesos-docker-containerizer, which answers there, was not reached within %v (%v): see systemctl status mesos-docker-containerizer\n",
			c.socket, c.patience, err)
	}
	return c.policy.unreachable
}

// lost says that the daemon went away in the middle of a command.
func (c *client) lost(err error) int {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	fmt.Fprintf(c.stderr, "docker: the daemon at unix://%s went away in the middle of the command (%v), whose end is not known\n", c.socket, err)
	return c.policy.lost
}

// answer is what a command prints.
type answer struct {
	hold bool
	held []held // what is to be printed at the end
}

type held struct {
	to   io.Writer
	text bytes.Buffer
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
