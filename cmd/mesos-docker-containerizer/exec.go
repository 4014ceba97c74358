package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/internal/transport/stdcopy"
)

const execUsage = `
Usage: mesos-docker-containerizer exec [-i] [-t] [--user=USER] [--workdir=DIR] [--env=NAME=VALUE] TASK COMMAND [ARGUMENT...]

Runs a command in a task's container, with the environment and the user of the task. Flags stand before TASK; everything behind it is
the command's. For a shell: exec -it TASK sh.

The command's input and output do not pass through the daemon, so that it goes on when the daemon is restarted. The daemon logs who has
asked, and for which program.

TASK is the beginning of a name, as in ps.

Exit status: that of the command; 125 when it could not be run, with a message, and 2 when a flag or setting is wrong.
`

// exitNotRun is docker's status for a command that could not be run.
const exitNotRun = 125

// Times of exec.
const (
	execAnswerMin = 10 * time.Millisecond // between two questions for the end of a command whose output has ended
	execAnswerMax = time.Second
	execPatience  = 30 * time.Second // for a daemon that is away
	resizeTries   = 20               // while the command is being started
)

// execInContainer runs a command in a task's container.
func execInContainer(own *flag.FlagSet) action {
	var order containerizer.ExecRequest
	var both bool
	own.BoolVar(&order.Input, "i", false, "pass input on to the command")
	own.BoolVar(&order.TTY, "t", false, "give the command a terminal")
	own.BoolVar(&both, "it", false, "both")
	own.StringVar(&order.User, "user", "", "run as `USER[:GROUP]`; default: as the task does")
	own.StringVar(&order.Directory, "workdir", "", "`DIR` in the container to run in; default: the task's")
	own.Func("env", "`NAME=VALUE` beside the task's environment; may be given more than once", func(text string) error {
		order.Environment = append(order.Environment, text)
		return nil
	})
	return func(t terminal, c *config.Config, arguments []string) error {
		if len(arguments) < 2 {
			return withStatus(exitUsage, errors.New("name a task and a command"))
		}
		order.Input, order.TTY = order.Input || both, order.TTY || both
		order.Command = arguments[1:]
		stdin, _ := t.stdin.(*os.File)
		interactive := stdin != nil && term.IsTerminal(int(stdin.Fd()))
		if order.Input && order.TTY && !interactive {
			return withStatus(exitUsage, errors.New("-t with -i needs a terminal as input"))
		}
		task, err := askTask(c, arguments[0])
		if err != nil {
			return withStatus(exitNotRun, err)
		}
		var started containerizer.ExecStarted
		stream, err := askFile(c, pathOf(task, "/exec"), order, &started)
		if err != nil {
			return withStatus(exitNotRun, err)
		}
		defer stream.Close()
		if order.TTY && interactive {
			restore, err := t.takeOver(c, started.ID, stdin)
			if err != nil {
				return withStatus(exitNotRun, err)
			}
			defer restore()
		}
		return t.converse(c, order, started.ID, stream)
	}
}

// converse connects the streams until the command ends, with whose status it ends. A signal ends the connection, and not the command.
func (t terminal) converse(c *config.Config, order containerizer.ExecRequest, id string, stream net.Conn) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	leave := context.AfterFunc(ctx, func() { stream.Close() })
	defer leave()
	if order.Input {
		go sendInput(stream, t.stdin) // ends with the process: a read of a terminal cannot be cut short
	}
	if err := stdcopy.Copy(stream, order.TTY, t.stdout, t.stderr); err != nil {
		if ctx.Err() != nil {
			return withStatus(exitNotRun, errors.New("left while the command ran"))
		}
		return withStatus(exitNotRun, fmt.Errorf("output of the command: %w", err))
	}
	status, err := execStatus(c, id)
	if err != nil {
		return withStatus(exitNotRun, fmt.Errorf("the command's output has ended, its status is not known: %w", err))
	}
	if status != 0 {
		return &exitError{status: status}
	}
	return nil
}

// sendInput passes input on to a command.
func sendInput(stream net.Conn, from io.Reader) {
	_, _ = io.Copy(stream, from) // a command that reads no more is seen by who reads its output
	if unix, ok := stream.(*net.UnixConn); ok {
		_ = unix.CloseWrite()
	}
}

// execStatus waits for the end of a command whose output has ended. The daemon may be away meanwhile.
func execStatus(c *config.Config, id string) (int, error) {
	deadline := time.Now().Add(execPatience)
	for wait := execAnswerMin; ; wait = min(2*wait, execAnswerMax) {
		var state containerizer.ExecState
		err := askDaemon(c, http.MethodGet, "/exec/"+id, psTimeout, &state)
		if _, refused := errors.AsType[*containerizer.RefusedError](err); refused || err != nil && time.Now().After(deadline) {
			return 0, err
		}
		if err == nil && !state.Running {
			return state.ExitCode, nil
		}
		<-time.After(wait)
	}
}

// takeOver puts the terminal into raw mode and gives the command's the same size, at each change, until the returned function is called.
func (t terminal) takeOver(c *config.Config, id string, stdin *os.File) (restore func(), err error) {
	before, err := term.MakeRaw(int(stdin.Fd()))
	if err != nil {
		return nil, err
	}
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGWINCH)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for tries := resizeTries; ; {
			retry := (<-chan time.Time)(nil)
			if t.resize(c, id) != nil && tries > 0 { // it may be about to start
				tries--
				retry = time.After(50 * time.Millisecond)
			}
			select {
			case <-changes:
			case <-retry:
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changes)
		close(done)
		<-stopped
		_ = term.Restore(int(stdin.Fd()), before) // a terminal that is gone needs no restoring
	}, nil
}

// resize gives the command's terminal the size of the person's.
func (t terminal) resize(c *config.Config, id string) error {
	width, height, err := term.GetSize(int(t.stdout.Fd()))
	if err != nil {
		return nil // then there is no size to give
	}
	ctx, cancel := context.WithTimeout(context.Background(), psTimeout)
	defer cancel()
	size := containerizer.Size{Height: uint(height), Width: uint(width)}
	return tellDaemon(ctx, c, http.MethodPost, "/exec/"+id+"/size", size, &size)
}
