package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker/docker/client"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

func main() {
	programs := flag.String("programs", "build", "directory of the programs to measure")
	sequence := flag.Int("n", 50, "launches in sequence")
	parallel := flag.Int("parallel", 50, "launches at once")
	rounds := flag.Int("rounds", 3, "rounds of launches at once")
	endings := flag.Int("endings", 20, "exits and kills")
	crowd := flag.Int("crowd", 300, "tasks with which the daemon's memory is measured; 0 leaves that out")
	checks := flag.Int("checks", 100, "tasks with a health check; 0 leaves that out")
	output := flag.Int("output", 1000, "megabytes of output; 0 leaves that out")
	stale := flag.Int("stale", 0, "containers that a daemon finds at its start; 0 leaves that out, which takes minutes")
	only := flag.Bool("only-load", false, "only scrapes, views, memory with many tasks, checks, output and stale containers")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := bench{sequence: *sequence, parallel: *parallel, rounds: *rounds, endings: *endings, crowd: *crowd, checks: *checks, output: *output, stale: *stale, onlyLoad: *only}
	if err := b.run(ctx, *programs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	sequence, parallel, rounds, endings int
	crowd, checks, output, stale        int
	onlyLoad                            bool
	figures                             []figure
}

func (b *bench) run(ctx context.Context, programs string) (err error) {
	h, err := newHost(ctx, programs)
	if err != nil {
		return err
	}
	defer h.close()
	docker, err := client.NewClientWithOpts(client.WithHost(environment.Host()), client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer docker.Close()
	defer func() { err = errors.Join(err, b.cleanUp(context.WithoutCancel(ctx), h)) }()

	defer func() { err = errors.Join(b.report(), err) }() // what was measured is worth seeing even if a later step failed
	launches := []func() error{
		func() error { return b.launchSequence(ctx, h, "host", false) },
		func() error { return b.launchSequence(ctx, h, "bridge", true) },
		func() error { return b.launchParallel(ctx, h, "host", false) },
		func() error { return b.launchParallel(ctx, h, "bridge", true) },
		func() error { return b.endingFigures(ctx, h, docker) },
		func() error { return b.pullFigures(ctx, h, docker) },
	}
	if b.onlyLoad {
		launches = nil
	}
	steps := append([]func() error{func() error { return b.warmUp(ctx, h) }}, launches...)
	for _, step := range append(steps,
		func() error { return b.viewFigures(ctx) },
		func() error { return b.crowdFigures(ctx, h) },
		func() error { return b.checkFigure(ctx, h) },
		func() error { return b.outputFigures(ctx, h) },
		func() error { return b.staleFigure(ctx, h) }, // the last, for another daemon
	) {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// report shows the figures, and saves them where BENCH_OUT says so.
func (b *bench) report() error {
	if err := show(os.Stdout, b.figures); err != nil {
		return err
	}
	if path := os.Getenv("BENCH_OUT"); path != "" {
		return save(path, b.figures)
	}
	return nil
}

// warmUp brings programs and image into the page cache.
func (b *bench) warmUp(ctx context.Context, h *host) error {
	_, _, err := h.launches(ctx, 2, 1, true, nil)
	return err
}

func (b *bench) launchSequence(ctx context.Context, h *host, network string, bridge bool) error {
	fmt.Fprintf(os.Stderr, "%d launches in sequence, %s network\n", b.sequence, network)
	s, starts, err := h.launches(ctx, b.sequence, 1, bridge, nil)
	if err != nil {
		return err
	}
	b.figures = append(b.figures, s.figure("launch_seq_"+network, "ratio 1.05"), starts.figure("start_seq_"+network, ""))
	return nil
}

func (b *bench) launchParallel(ctx context.Context, h *host, network string, bridge bool) error {
	fmt.Fprintf(os.Stderr, "%d rounds of %d launches at once, %s network\n", b.rounds, b.parallel, network)
	var executor, daemon float64
	s, starts, err := h.launches(ctx, b.rounds, b.parallel, bridge, func(tasks []*localagent.Task) (err error) {
		pause(ctx, memorySettle)
		if executor, err = executorPSS(tasks); err != nil {
			return err
		}
		daemon, err = pss(h.daemon.Process.Pid)
		return err
	})
	if err != nil {
		return err
	}
	b.figures = append(b.figures,
		s.figure(fmt.Sprintf("launch_par%d_%s", b.parallel, network), "ratio 1.05"),
		starts.figure(fmt.Sprintf("start_par%d_%s", b.parallel, network), ""))
	if !bridge {
		b.figures = append(b.figures,
			figure{Name: fmt.Sprintf("executor_pss_%d", b.parallel), Value: executor, Unit: "MB", goal: "1.3 MB"},
			figure{Name: fmt.Sprintf("daemon_pss_%d", b.parallel), Value: daemon, Unit: "MB", goal: "16 MB"})
	}
	return nil
}

func (b *bench) endingFigures(ctx context.Context, h *host, docker *client.Client) error {
	fmt.Fprintf(os.Stderr, "%d exits and %d kills\n", b.endings, b.endings)
	s, err := h.exits(ctx, docker, b.endings)
	if err != nil {
		return err
	}
	b.figures = append(b.figures, s.figure("exit_to_terminal", ""))
	s, err = h.kills(ctx, docker, b.endings)
	if err != nil {
		return err
	}
	b.figures = append(b.figures, s.figure("kill_to_terminal", ""))
	return nil
}

// cleanUp removes what a measurement that was broken off has left.
func (b *bench) cleanUp(ctx context.Context, h *host) error {
	list, err := h.engine.List(ctx, "MESOS_TASK_ID")
	if err != nil {
		return err
	}
	var ids []string
	for _, c := range list {
		labels, _ := engine.ParseLabels(c.Labels)
		if len(c.Names) == 1 && (labels.Sandbox != "" && within(h.directory, labels.Sandbox) || isBare(c.Names[0])) {
			ids = append(ids, c.ID)
		}
	}
	return h.remove(ctx, ids)
}
