package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/systemd"
)

const serveUsage = `
Usage: mesos-docker-containerizer serve [FLAG...]

Runs the daemon in the foreground, which is what the systemd unit does. It accepts executors on its socket (--socket, or the one
that systemd passes) and drives the Docker Engine for them. The Engine need not be there: tasks wait for it within their time.

SIGTERM or SIGINT ends the daemon. Tasks run on, and the next daemon on the same run directory (--run_dir) takes them up again; a
second daemon on a run directory that is in use refuses to start.

SIGHUP, or the subcommand reload, makes it read its settings again. Credentials, policy, clean-up of images, progress updates and
log_level then count without a restart; the log says what took effect, and what needs a restart.

The log goes to stderr: one JSON object a line, or text for people (--log_format=console), from --log_level on. Lines for the journal
begin with their priority, which it takes off.

Exit status: 0 when told to end, 1 when it cannot run or fails, 2 when a flag or setting is wrong.
`

// errToldToEnd is what the log says of work that was cut short. The words of the signal would speak of another process.
var errToldToEnd = errors.New("mesos-docker-containerizer is told to end")

// serve is the daemon.
func serve(*flag.FlagSet) action {
	return func(t terminal, c *config.Config, _ []string) error {
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP) // from the beginning, since it would end the daemon
		defer signal.Stop(hangups)
		level := zap.NewAtomicLevelAt(c.LogLevel)
		logger := newLogger(t, c, level)
		ctx, stop := untilToldToEnd()
		defer stop()
		if err := runDaemon(ctx, c, t.reread, level, hangups, logger); err != nil {
			logger.Error("the daemon ends", zap.Error(err))
			return &exitError{status: exitFailed}
		}
		return nil
	}
}

// untilToldToEnd is the daemon's life, with errToldToEnd as its cause.
func untilToldToEnd() (context.Context, func()) {
	signals, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	ctx, cancel := context.WithCancelCause(context.Background())
	leave := context.AfterFunc(signals, func() { cancel(errToldToEnd) })
	return ctx, func() {
		leave()
		stop()
		cancel(nil)
	}
}

// runDaemon serves until ctx ends. Executors are accepted at once, whether the Engine answers or not: they have deadlines of
// their own.
func runDaemon(ctx context.Context, c *config.Config, reread func() (*config.Config, error), level zap.AtomicLevel,
	hangups <-chan os.Signal, logger *zap.Logger) (err error) {
	m := metrics.New(version)
	m.ShowApps(c.MetricsApps)
	docker, err := engine.New(engine.Options{Socket: c.DockerSocket, Observe: m.EngineCall, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	server, err := newServer(c, docker, m, c.RunDir, record.NewStore(stateDirectory(c), logger), logger)
	if err != nil {
		return err
	}
	listener, err := listen(c)
	if err != nil {
		return err
	}
	defer systemd.DumpOnAbort(filepath.Join(c.RunDir, abortFile), func(text string) { logger.Error(text) })()
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := systemd.Watchdog(ctx, &group); err != nil {
		return err
	}
	collector, err := image.NewCollector(collectorOptions(c, docker, server.Options().Images, logger))
	if err != nil {
		return err
	}
	group.Go(func() { collector.Run(ctx) })
	settings := &reloader{reread: reread, started: c, now: c, level: level, docker: docker, server: server, collector: collector, logger: logger}
	if err := errors.Join(serveMetrics(ctx, &group, c, m, logger), servePage(ctx, &group, settings.current, server, logger)); err != nil {
		return err
	}
	stopping := context.AfterFunc(ctx, func() {
		logger.Info("the daemon is told to end; tasks run on")
		if err := systemd.Stopping(); err != nil {
			logger.Warn("systemd was not told", zap.Error(err))
		}
	})
	defer stopping()
	if err := serveAdmin(ctx, &group, server, newCommands(c, docker, server, logger), logger, collector.HandleAdmin, m.HandleAdmin,
		handleSettings(settings.current, reread), settings.handleAdmin); err != nil {
		return err
	}
	group.Go(func() { settings.reloadOnSignal(ctx, hangups) })
	group.Go(func() {
		keepAsking(ctx, func(ctx context.Context) error { return tellStatus(docker.Ping(ctx), len(server.Tasks())) })
	})
	if err := systemd.Ready(); err != nil {
		return err
	}
	group.Go(func() { giveBack(ctx, allocatedBytes, debug.FreeOSMemory, releaseProgram) })
	logger.Info("the daemon serves", zap.String("version", version), zap.String("socket", c.Socket),
		zap.String("engine", c.DockerSocket), zap.String("run_dir", c.RunDir))
	if text := refusal(c); text != "" {
		logger.Warn(text)
	}
	return server.Serve(ctx, listener)
}

// abortFile is the file in the run directory that holds the goroutines of a daemon that its watchdog has aborted.
const abortFile = "aborted.txt"

// tellStatus has systemd show how many tasks there are and whether the Engine answers. It returns what the Engine's answer was.
func tellStatus(engine error, tasks int) error {
	line := words.Count(tasks, "task") + "; the Docker Engine answers"
	if engine != nil {
		line = fmt.Sprintf("%s; the Docker Engine does not answer: %v", words.Count(tasks, "task"), engine)
	}
	_ = systemd.Status(line) // shown to a person who looks, and told again with the next ping
	return engine
}

// serveAdmin answers at the socket for admins: them, and the agent's docker command.
func serveAdmin(ctx context.Context, group *sync.WaitGroup, server *containerizer.Server, commands *dockercli.Docker, logger *zap.Logger,
	others ...func(*http.ServeMux)) error {
	listener, err := systemd.Listen(filepath.Join(server.Options().RunDirectory, protocol.AdminSocket))
	if err != nil {
		return fmt.Errorf("socket for admins: %w", err)
	}
	mux := http.NewServeMux()
	server.HandleAdmin(mux)
	for _, handle := range others {
		handle(mux)
	}
	handler := dockercli.NewHandler(commands.Answer, logger)
	handler.Handle(mux)
	group.Go(func() {
		defer commands.Close()
		defer handler.Wait()
		if err := containerizer.ServeAdmin(ctx, listener, mux); err != nil {
			logger.Error("admins are not answered any more", zap.Error(err))
		}
	})
	return nil
}
