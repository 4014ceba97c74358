package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/hostports"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/input"
	tasks "mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/run"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/config/marathon"
	"mesos-docker-containerizer/internal/agentflag"
)

const runUsage = `
Usage: mesos-docker-containerizer run [FLAG...] APP.json...

Runs Marathon apps on this host, without a cluster, the way a Mesos agent with this containerizer would: with the same executor,
the same containers and the same status updates. It stays in the foreground, and shows status updates, the host ports of each
task, the progress of pulls, and what the tasks print ("|" is stdout, "!" is stderr). On a terminal a table below that has each
task's phase, health, ports and pull. NO_COLOR=1 leaves out colours, TERM=dumb also the table.

A file holds an app, a list of apps or a group, in the forms of Marathon 0.7 to 1.11, or a TaskInfo in JSON; "-" is standard
input. What the API of Marathon answers can be run as it is. All instances are started. Nothing is started if anything is wrong in
any file; what Marathon passed over, such as unknown keys, is warned of (docs/apps.md), and refused with --strict. Where an app or a TaskInfo names its
executor, that one is started as an agent would start it; docs/custom-executor.md has examples.

Host ports that apps name are theirs; others are drawn from --ports. A port belongs to one run until that ends, whatever user started it:
runs side by side never have the same one, and ports that something on this host uses are passed over.

No daemon has to run: the command does its work itself, with the Engine at --docker_socket if that is on the command line, else
at DOCKER_HOST if that is set, else at the configured docker_socket. With --socket=PATH on the command line it uses the daemon
that listens there.

An interrupt (Ctrl-C, SIGTERM, SIGHUP) kills the tasks, each by its own kill policy; a second one kills them at once; a third
does not wait for their last words either. No container, process or file is left behind, unless asked for. With --socket it is the
daemon that removes containers: if that is down, they stay until it is back. What a run that was killed (SIGKILL) leaves, the
next one ends.

Exit status: 0 when every task has finished, or was killed because you asked for it (by an interrupt or --for)
             1 when a task has failed or was lost
             2 when a flag, a setting or a document is wrong; nothing was started
             3 when something is missing: the Docker Engine, the daemon, the executor's program
`

// runFlags are the flags of run alone.
type runFlags struct {
	ports       string // empty unless given
	output      string
	strict      bool
	duration    time.Duration
	keepSandbox bool
}

func (f *runFlags) define(own *flag.FlagSet) {
	own.Func("ports", "host ports for the tasks, as `RANGES` such as 31000-32000,33000\n(default "+defaultPorts+" and the ports that "+
		"apps name); of these, ones that are in use or\nbelong to another run are passed over", func(s string) error {
		f.ports = s
		if s == "" {
			return errors.New("no ports")
		}
		return nil
	})
	own.BoolVar(&f.strict, "strict", false, "refuse what Marathon passed over, such as unknown keys; without, it is warned of")
	own.StringVar(&f.output, "output", "text", "`FORMAT` of what is shown: text, or json for one object a line")
	own.Func("for", "kill the tasks when all have run for this `DURATION`, such as 30secs, 5mins or 30s", func(s string) (err error) {
		f.duration, err = readDuration(s)
		return err
	})
	own.BoolVar(&f.keepSandbox, "keep-sandbox", false, "keep the sandboxes and say where they are")
}

// readDuration takes durations as settings have them, and as Go writes them.
func readDuration(s string) (time.Duration, error) {
	d, err := agentflag.ParseDuration(s)
	if err == nil {
		return d, nil
	}
	if d, other := time.ParseDuration(s); other == nil && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%w; accepted is a duration such as 30secs, 5mins or 30s", err)
}

func (f *runFlags) check(files []string) error {
	switch {
	case len(files) == 0:
		return errors.New("no file to run; `mesos-docker-containerizer help run` says what can be run")
	case f.output != "text" && f.output != "json":
		return fmt.Errorf("--output=%s: accepted are text and json", f.output)
	}
	return nil
}

// run runs apps in the foreground.
func run(own *flag.FlagSet) action {
	var f runFlags
	f.define(own)
	return func(t terminal, c *config.Config, files []string) error { return f.run(t, c, files) }
}

func (f *runFlags) run(t terminal, c *config.Config, files []string) error {
	if err := f.check(files); err != nil {
		return withStatus(exitUsage, err)
	}
	t.warnUnusable(c, "hostname", "ip", "launcher_dir")
	interrupts := make(chan os.Signal, 3)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupts)
	signal.Ignore(syscall.SIGPIPE) // a reader that went away is noticed, not died of

	offer, ports, launch, err := readTasks(t, c, f, files)
	if err != nil {
		return withStatus(exitUsage, err)
	}
	result, err := runTasks(t, c, f, offer, launch, interrupts)
	err = errors.Join(err, ports.Close())
	if err == nil && !result.Good() {
		return &exitError{status: exitFailed}
	}
	return withStatus(exitEnvironment, err)
}

// readTasks reads the files and makes tasks of them for an agent that exists only here. The caller closes the offer's ports.
func readTasks(t terminal, c *config.Config, f *runFlags, files []string) (marathon.Offer, *hostports.Source, []input.Task, error) {
	offer := marathon.Offer{AgentID: uuid.NewString() + "-S0", Hostname: hostname(c), Version: time.Now()}
	documents, err := input.Read(files, t.stdin, f.strict)
	for _, warning := range input.Warnings(documents) {
		fmt.Fprintln(t.stderr, "warning:", warning)
	}
	if err != nil {
		return offer, nil, nil, err
	}
	for _, note := range input.Notes(documents) {
		fmt.Fprintln(t.stderr, "note:", note)
	}
	if err := input.AssignServicePorts(documents); err != nil {
		return offer, nil, nil, err
	}
	ports, err := offeredPorts(f.ports, input.NamedPorts(documents))
	if err != nil {
		return offer, nil, nil, err
	}
	source := hostports.New(ports, func() ([]uint32, error) { return publishedPorts(t, c) })
	offer.Ports = source
	made, err := input.Tasks(documents, offer)
	if err == nil && len(made) == 0 {
		err = errors.New("nothing to run: all apps have 0 instances")
	}
	if err != nil {
		return offer, nil, nil, errors.Join(err, source.Close())
	}
	return offer, source, made, nil
}

// hostname is what the agent on this host goes by.
func hostname(c *config.Config) string {
	if c.Hostname != "" {
		return c.Hostname
	}
	name, _ := os.Hostname()
	return cmp.Or(name, "localhost")
}

// runTasks sets up what the tasks need, runs them and takes it down again. The error says what was missing.
func runTasks(t terminal, c *config.Config, f *runFlags, offer marathon.Offer, launch []input.Task, interrupts chan os.Signal) (result tasks.Result, err error) {
	logger := newRunLogger(t, c)
	executor, err := findExecutor(c)
	if err != nil {
		return result, err
	}
	base, err := baseDirectory()
	if err != nil {
		return result, err
	}
	directory, err := claimDirectory(base)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, directory.release()) }()
	sandboxes, err := workDirectory(c, f, directory)
	if err != nil {
		return result, err
	}
	daemon, err := startDaemon(t, c, directory.path, logger)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, daemon.stop()) }()
	framework := uuid.NewString() + "-0000" // in the form of a master's, as the agent's id is
	agent, err := newAgent(c, offer, framework, sandboxes, logger)
	if err != nil {
		return result, err
	}
	display, notice, closeDisplay := newDisplay(t, f, launch, interrupts)
	defer closeDisplay()
	result, err = tasks.Run(context.Background(), tasks.Options{
		Agent:      agent,
		Executor:   executor,
		Args:       []string{"--route=local", "--socket=" + daemon.socket},
		Tasks:      launch,
		For:        f.duration,
		Interrupts: interrupts,
		Display:    display,
		Notice:     notice,
		Logger:     logger,
	})
	err = errors.Join(err, daemon.cleanUp(framework, directory.path, result.Lost > 0))
	if f.keepSandbox {
		fmt.Fprintln(t.stderr, "mesos-docker-containerizer: the sandboxes are below", sandboxes)
	}
	return result, err
}

// workDirectory is where sandboxes are made: the work_dir if a person named it for this run, a directory of its own if the
// sandboxes are to be kept, else the run's directory, with which they go. The agent's own work_dir is the agent's to clean up,
// which it does not for runs it does not know.
func workDirectory(c *config.Config, f *runFlags, d *runDirectory) (string, error) {
	switch {
	case c.Origin("work_dir").Layer >= config.Environment:
		return c.WorkDir, nil
	case f.keepSandbox:
		return os.MkdirTemp("", "mesos-docker-containerizer-sandboxes-")
	}
	return filepath.Join(d.path, "work"), nil
}

// newDisplay shows events as the flags say. When nobody reads them any more that counts as an interrupt. What concerns no task
// goes to stderr, or above the table where there is one.
func newDisplay(t terminal, f *runFlags, launch []input.Task, interrupts chan<- os.Signal) (d tasks.Display, notice func(string), end func()) {
	var once sync.Once
	w := &watchedWriter{Writer: t.stdout, broken: func() {
		once.Do(func() { interrupts <- syscall.SIGPIPE })
	}}
	notice = func(text string) { fmt.Fprintln(t.stderr, "mesos-docker-containerizer:", text) }
	if f.output == "json" {
		return tasks.NewJSON(w), notice, func() {}
	}
	options := tasks.TextOptions{Start: time.Now()}
	for _, task := range launch {
		options.Width = max(options.Width, len(task.Name))
	}
	isTerminal := term.IsTerminal(int(t.stdout.Fd())) && variable(t.environ, "TERM") != "dumb"
	if isTerminal {
		options.Terminal = t.stdout
		options.Color = variable(t.environ, "NO_COLOR") == ""
	}
	text := tasks.NewText(w, options)
	if isTerminal {
		notice = text.Note
	}
	return text, notice, text.Close
}

// watchedWriter calls broken when nobody reads its output any more.
type watchedWriter struct {
	io.Writer
	broken func()
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.broken()
	}
	return n, err
}

// newRunLogger writes lines for people to stderr, from warnings on unless log_level says otherwise.
func newRunLogger(t terminal, c *config.Config) *zap.Logger {
	level := zapcore.WarnLevel
	if c.Origin("log_level").Layer != config.BuiltIn {
		level = c.LogLevel
	}
	encoding := zap.NewDevelopmentEncoderConfig()
	encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	encoding.CallerKey = ""
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.Lock(zapcore.AddSync(t.stderr)), level)
	return zap.New(core)
}
