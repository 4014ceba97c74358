// Command mesos-docker-executor is started by the Mesos agent, once per task. It runs the task in a Docker container by way of
// mesos-docker-containerizer, which must be running on the host.
//
// It takes the command line of the stock executor of the same name (contract 1.4). It ignores flags that neither knows,
// with a warning, because agents of other versions pass other flags; some of the stock executor's have no meaning here
// (unusedFlags). Package executor/manual describes the others.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/executor"
	"mesos-docker-containerizer/executor/agent"
	v0 "mesos-docker-containerizer/executor/agent/v0"
	v1 "mesos-docker-containerizer/executor/agent/v1"
)

// version is set by the linker.
var version = "unknown"

// terminationMargin is what the executor's own end by its shutdown grace period gets before the process is ended.
const terminationMargin = 3 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-docker-executor:", err)
		os.Exit(1)
	}
}

func run() error {
	// An agent starts a program that is given no arguments without even a name.
	flags, ignored, err := parseFlags(os.Args[min(1, len(os.Args)):])
	if err != nil {
		return err
	}
	if flags.version {
		fmt.Println("mesos-docker-executor", version)
		return nil
	}
	if err := isolate(os.Environ(), os.Args); err != nil {
		return err
	}
	getenv, err := environment()
	if err != nil {
		return err
	}
	env, err := agent.FromEnviron(inSandbox(getenv))
	if err != nil {
		return err
	}
	env.ShutdownGracePeriod = max(env.ShutdownGracePeriod, flags.stopTimeout)
	logger := newLogger(flags.level).With(zap.String("framework", env.FrameworkID), zap.String("executor", env.ExecutorID))
	if len(ignored) > 0 {
		logger.Warn("unknown flags ignored", zap.Strings("flags", ignored))
	}
	connection, err := connect(flags.protocol, env, logger)
	if err != nil {
		return err
	}
	socket, err := flags.daemonSocket()
	if err != nil {
		return err
	}
	ctx, stop := untilTerminated(env.ShutdownGracePeriod + terminationMargin)
	defer stop()
	return executor.Run(ctx, executor.Options{
		Environment:     env,
		Route:           flags.route,
		ContainerName:   flags.container,
		Sandbox:         cmp.Or(flags.sandbox, env.Directory),
		MappedDirectory: flags.mappedDirectory,
		TaskEnvironment: flags.taskEnvironment,
		AgentFlags:      &flags.agentFlags,
		Agent:           connection,
		Dial:            executor.DialDaemon(socket),
		Daemon:          socket,
		Stdout:          os.Stdout,
		Stderr:          os.Stderr,
		Logger:          logger,
	})
}

// untilTerminated returns a context that ends with the order to terminate. The process then ends within a time, even if what it
// logs to hangs: the agent waits without limit.
func untilTerminated(within time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, func() {
		time.AfterFunc(within, func() { os.Exit(1) })
	})
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) // a log helper that died must not take the task with it
	return ctx, stop
}

func connect(protocol string, env agent.Environment, logger *zap.Logger) (executor.Agent, error) {
	if protocol == protocolV0 {
		return v0.New(env, logger)
	}
	return v1.New(env, logger)
}
