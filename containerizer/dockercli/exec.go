package dockercli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	docker "github.com/docker/docker/api/types/container"
	"github.com/spf13/pflag"

	"mesos-docker-containerizer/containerizer/container"
)

var execSyntax = syntax{
	name:     "exec",
	operands: "CONTAINER COMMAND [ARG...]",
	about:    "Execute a command in a running container",
	options: func(set *pflag.FlagSet) {
		set.SetInterspersed(false)
		set.BoolP("detach", "d", false, "Detached mode: run command in the background")
		set.StringArrayP("env", "e", nil, "Set environment variables")
		set.BoolP("interactive", "i", false, "Keep STDIN open even if not attached")
		set.Bool("privileged", false, "Give extended privileges to the command")
		set.BoolP("tty", "t", false, "Allocate a pseudo-TTY")
		set.StringP("user", "u", "", `Username or UID (format: "<name|uid>[:<group|gid>]")`)
		set.StringP("workdir", "w", "", "Working directory inside the container")
	},
}

// errNoTerminal is docker's text for -t without a terminal.
var errNoTerminal = errors.New("the input device is not a TTY")

// exec runs a process in a container and ends with its exit status. It is for people and for an agent's debugging API. No policy
// applies, because its callers are root on the host.
func (d *Docker) exec(ctx context.Context, call Call) error {
	set, operands, err := execSyntax.parse(call)
	if err != nil {
		return err
	}
	if len(operands) < 2 {
		return execSyntax.wrongCount("requires at least 2 arguments")
	}
	options, err := execOptions(set, operands[1:])
	if err != nil {
		return err
	}
	c, err := d.named(ctx, operands[0])
	if err != nil {
		return err
	}
	if options.AttachStdin && options.Tty && !call.Terminal.Stdin {
		return errNoTerminal
	}
	id, err := d.options.Engine.CreateExec(ctx, c.ID, options)
	if err != nil {
		return d.explain(err)
	}
	if !options.AttachStdout {
		return d.explain(d.options.Engine.StartExecDetached(ctx, id, options.Tty))
	}
	return d.carryOutExec(ctx, call, id, options)
}

// execOptions parses the options. Without --detach both outputs are attached, and input only with --interactive.
func execOptions(set *pflag.FlagSet, command []string) (docker.ExecOptions, error) {
	o := docker.ExecOptions{
		Cmd: command, Privileged: option(set.GetBool("privileged")), Tty: option(set.GetBool("tty")),
		User: option(set.GetString("user")), WorkingDir: option(set.GetString("workdir")),
	}
	o.Env = set.Lookup("env").Value.(pflag.SliceValue).GetSlice() // GetStringArray loses one that is empty
	for _, variable := range o.Env {
		name, _, assigned := strings.Cut(variable, "=")
		if name == "" || !assigned {
			return o, &statusError{status: statusUsage, err: fmt.Errorf("variable %q needs the form NAME=value: the environment of the caller is not known here", name)}
		}
	}
	if !option(set.GetBool("detach")) {
		o.AttachStdout, o.AttachStderr, o.AttachStdin = true, true, option(set.GetBool("interactive"))
	}
	return o, nil
}

// carryOutExec starts a process and connects it with the caller until it ends.
func (d *Docker) carryOutExec(ctx context.Context, call Call, id string, o docker.ExecOptions) error {
	if o.AttachStdin && o.Tty {
		if err := call.Terminal.Raw(); err != nil {
			return err
		}
	}
	stream, err := d.options.Engine.StartExec(ctx, id, o.Tty)
	if err != nil {
		return d.explain(err)
	}
	defer stream.Close()
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.AttachStdin {
		go copyInput(call, stream) // ends with the caller, who owns the input
	}
	if o.Tty && call.Terminal.Stdin {
		go followSize(running, call, func(ctx context.Context, height, width uint) error {
			return d.options.Engine.ResizeExec(ctx, id, height, width)
		})
	}
	if err := copyOutput(ctx, call, stream, o.Tty); err != nil {
		return err
	}
	return d.endOfExec(ctx, id)
}

// endOfExec waits for the end of a process that has closed its output, and ends with its exit status.
func (d *Docker) endOfExec(ctx context.Context, id string) error {
	for interval := execIntervalMin; ; interval = min(2*interval, answerInterval) {
		state, err := d.options.Engine.InspectExec(ctx, id)
		if err != nil {
			return d.explain(err)
		}
		if !state.Running {
			return exited(state.ExitCode)
		}
		if err := container.Pause(ctx, interval); err != nil {
			return err
		}
	}
}

// exited returns the error for the exit status of a process.
func exited(status int) error {
	if status == statusOK {
		return nil
	}
	return &statusError{status: status}
}
