package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	timetypes "github.com/docker/docker/api/types/time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/sandboxlog"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/internal/lookup"
	"mesos-docker-containerizer/internal/transport/stdcopy"
)

const logsUsage = `
Usage: mesos-docker-containerizer logs [-f] [--tail=N] [--since=TIME] [--stderr] TASK [FLAG...]

Prints what a task has written, from stdout in its sandbox, or stderr, where the executor writes its own log, too. Files that a log rotator
of the agent's has renamed (stdout.1, stdout.2) come first; compressed ones are not read. With -f it goes on through rotations until the
task has ended, Ctrl-C, or the end of the reader (| head -1). Output is passed on as it is, escape sequences included.

Files have no times: with --since the output is what the Docker Engine's log has (log_driver, log_opts), until the container is removed.
--since and -f leave no room for --tail.

TASK is the beginning of a name, as in ps, also that of a task that has ended in the last 24 hours, as long as the agent keeps its
sandbox (its gc_delay).

Exit status: 0, 1 when there is no such task or no output can be read, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// Times of logs -f.
const (
	logInterval  = 200 * time.Millisecond // between two looks at a file
	endsInterval = 2 * time.Second        // between two questions whether the task has ended
)

// logs prints a task's output.
func logs(own *flag.FlagSet) action {
	var follow bool
	own.BoolVar(&follow, "f", false, "follow the output")
	own.BoolVar(&follow, "follow", false, "the same")
	lines := own.Int("tail", -1, "only the last `N` lines; default: all")
	since := own.String("since", "", "only what was written since a `TIME`, as 10m or 2024-11-28T12:00:00Z, from the Docker Engine's log")
	stderr := own.Bool("stderr", false, "what the task has written to stderr")
	return func(t terminal, c *config.Config, arguments []string) error {
		if len(arguments) != 1 {
			return withStatus(exitUsage, errOneTask)
		}
		name := "stdout"
		if *stderr {
			name = "stderr"
		}
		order := containerizer.LogRequest{Follow: follow, Stderr: *stderr}
		if *since != "" {
			from, err := timetypes.GetTimestamp(*since, time.Now())
			if err != nil {
				return withStatus(exitUsage, fmt.Errorf("--since: %w", err))
			}
			order.Since = from
		}
		if follow && *since != "" && *lines >= 0 {
			return withStatus(exitUsage, errors.New("--tail cannot be had with both --since and -f: leave one of them out"))
		}
		task, err := askTask(c, arguments[0])
		if err != nil && *since == "" && !errors.Is(err, lookup.ErrSeveral) {
			// Of a task that has ended, or while the daemon is away, there is the record.
			ended, recordErr := record.Find(stateDirectory(c), arguments[0])
			switch {
			case recordErr == nil:
				task, err, follow = containerizer.TaskReport{Sandbox: ended.Sandbox}, nil, false
			case errors.Is(recordErr, lookup.ErrSeveral):
				err = ofLastDay(recordErr)
			}
		}
		if err != nil {
			return err
		}
		ctx, stop := t.untilLeft()
		defer stop()
		if *since != "" {
			return t.engineLog(ctx, c, task, order, *lines)
		}
		return t.sandboxLog(ctx, c, task, name, *lines, follow)
	}
}

// sandboxLog prints a file of the task's sandbox.
func (t terminal) sandboxLog(ctx context.Context, c *config.Config, task containerizer.TaskReport, name string, lines int, follow bool) error {
	log, err := sandboxlog.Open(task.Sandbox, name, lines)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the task's sandbox %s is gone, and its output with it", task.Sandbox)
	}
	if err != nil {
		return fmt.Errorf("output of the task: %w", err)
	}
	defer log.Close()
	to := untilDone{ctx, t.stdout}
	ticker := time.NewTicker(logInterval)
	defer ticker.Stop()
	asked := time.Now()
	for ended := !follow; ; {
		lost, err := log.Copy(to)
		if lost {
			fmt.Fprintln(t.stderr, program+": the file was cut or removed, and some of the output with it")
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of the task: %w", err)
		}
		if ended {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if time.Since(asked) > endsInterval {
			ended, asked = hasEnded(c, task), time.Now()
		}
	}
}

// untilDone is a writer that fails when its context has ended, so that Ctrl-C ends long output, too.
type untilDone struct {
	ctx context.Context
	to  io.Writer
}

func (w untilDone) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

// hasEnded says that the daemon, which may be away, knows the task no more, or that it has ended.
func hasEnded(c *config.Config, task containerizer.TaskReport) bool {
	var now containerizer.TaskReport
	err := askDaemon(c, http.MethodGet, pathOf(task, ""), psTimeout, &now)
	if refused, ok := errors.AsType[*containerizer.RefusedError](err); ok {
		return refused.Status == http.StatusNotFound
	}
	return err == nil && now.State == containerizer.StateEnded
}

// engineLog prints what the Engine has kept, or the last lines of that if they are not negative.
func (t terminal) engineLog(ctx context.Context, c *config.Config, task containerizer.TaskReport, order containerizer.LogRequest, lines int) error {
	var opened containerizer.LogOpened
	stream, err := askFile(c, pathOf(task, "/log"), order, &opened)
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	last := &lastLines{count: lines}
	var to io.Writer = t.stdout
	if lines >= 0 {
		to = last
	}
	if err := stdcopy.Copy(stream, opened.TTY, to, to); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the Docker Engine's log: %w", err)
	}
	_, err = last.WriteTo(t.stdout)
	return err
}

// lastLines keeps the last lines of what is written to it. The Engine's own count of last lines is of no use for that: it counts those
// of both streams, also where one alone is asked for.
type lastLines struct {
	count int
	lines [][]byte // complete but for the last
}

func (l *lastLines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if n := len(l.lines); n > 0 && !bytes.HasSuffix(l.lines[n-1], []byte{'\n'}) {
			l.lines[n-1] = append(l.lines[n-1], line...)
			continue
		}
		l.lines = append(l.lines, bytes.Clone(line))
		if len(l.lines) > l.count {
			l.lines = l.lines[1:]
		}
	}
	return len(p), nil
}

// WriteTo prints them.
func (l *lastLines) WriteTo(w io.Writer) (int64, error) {
	text := bytes.Join(l.lines, nil)
	n, err := w.Write(text)
	return int64(n), err
}
