package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// settlePause is the time between two inspects of a command. Its output ends a moment before the Engine reports its end.
const settlePause = 20 * time.Millisecond

// command runs the command in the container. It succeeds with exit status 0. On a timeout, or at the end of the session, it is killed
// with the processes it has started. No other command starts before that has succeeded.
func (p *prober) command(ctx context.Context) Result {
	const what = "Command"
	if p.target.Engine == nil {
		return Result{Message: "Command: no Engine to run it"}
	}
	if err := p.settle(ctx); err != nil {
		return p.failed(ctx, "Command: an earlier command that timed out could not be killed", err)
	}
	id, err := p.target.Engine.CreateExec(ctx, p.target.ContainerID, container.ExecOptions{
		Cmd:          p.spec.Command.Argv,
		Env:          p.spec.Command.Env,
		AttachStdout: true,
		AttachStderr: true,
	})
	if err != nil {
		return p.failed(ctx, what, err)
	}
	p.leftover = id
	output, status, err := p.carryOut(ctx, id)
	if err != nil {
		// The caller's context may have ended. The command must not outlive it.
		_ = p.settle(context.WithoutCancel(ctx)) // if it fails, the next probe tries again
		return p.failed(ctx, what, err)
	}
	p.leftover = ""
	return commandResult(status, output)
}

func commandResult(status int, output string) Result {
	result := Result{Ran: true, Succeeded: status == 0, ExitCode: &status, Message: "Command exited with status " + strconv.Itoa(status)}
	if text := oneLine(output); text != "" && !result.Succeeded {
		result.Message += ": " + text
	}
	return result
}

// carryOut starts a command and waits until it ends.
func (p *prober) carryOut(ctx context.Context, id string) (output string, status int, err error) {
	stream, err := p.target.Engine.StartExecOutput(ctx, id)
	if err != nil {
		if !outcomeUnknown(err) {
			p.leftover = "" // the Engine refused: nothing was started, and nothing will be
		}
		return "", 0, err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	var kept tail
	if _, err := stdcopy.StdCopy(&kept, &kept, stream); err != nil {
		return "", 0, errors.Join(ctx.Err(), fmt.Errorf("read its output: %w", err))
	}
	for {
		state, err := p.target.Engine.InspectExec(ctx, id)
		if err != nil {
			return "", 0, err
		}
		if !state.Running {
			return kept.String(), state.ExitCode, nil
		}
		if !pause(ctx, settlePause) {
			return "", 0, ctx.Err()
		}
	}
}

// tail is a writer that keeps the last longestQuote bytes.
type tail struct{ kept []byte }

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b[max(0, len(b)-longestQuote):]...)
	if excess := len(t.kept) - longestQuote; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	return len(b), nil
}

func (t *tail) String() string { return string(t.kept) }
