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

// settlePause lies between two questions whether a command has ended, whose output ends a moment before the Engine knows.
const settlePause = 20 * time.Millisecond

// command runs the command in the container. An exit status of 0 succeeds. When its time is up, or the session ends, it is killed
// with everything it has started; as long as that cannot be done no other is begun.
func (p *prober) command(ctx context.Context) Result {
	const what = "Command"
	if p.target.Engine == nil {
		return Result{Message: "Command: there is no Engine to run it"}
	}
	if err := p.settle(ctx); err != nil {
		return p.failed(ctx, "Command: an earlier one that took too long could not be ended", err)
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
		// The caller's context may have ended, and the command must not outlive it.
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

// carryOut starts a command and waits for its end.
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

// tail keeps the end of what is written to it.
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
