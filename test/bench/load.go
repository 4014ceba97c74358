package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
)

// checkTime is how long the daemon is watched while it probes.
const checkTime = 30 * time.Second

// checkFigure is the share of a processor that the daemon takes to probe tasks over HTTP, each every second.
func (b *bench) checkFigure(ctx context.Context, h *host) error {
	if b.checks == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%d tasks that are probed over HTTP every second\n", b.checks)
	infos := h.tasks(b.checks, false)
	for i := range infos {
		port := uint32(infos[i].Resources[2].Ranges.Range[0].Begin)
		infos[i].Command.Value = new(fmt.Sprintf("mkdir /tmp/www; echo ok >/tmp/www/index.html; exec httpd -f -p %d -h /tmp/www", port))
		infos[i].HealthCheck = &mesos.HealthCheck{
			Type: mesos.HealthCheck_HTTP, HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: port, Path: new("/")},
			DelaySeconds: new(0.0), IntervalSeconds: new(1.0), GracePeriodSeconds: new(60.0),
		}
	}
	tasks, _, err := h.subscribeAll(ctx, infos)
	if err != nil {
		return err
	}
	if _, err := h.launch(ctx, tasks); err != nil {
		return err
	}
	pause(ctx, memorySettle)
	before, err := processorTime(h.daemon.Process.Pid)
	if err != nil {
		return err
	}
	began := time.Now()
	pause(ctx, checkTime)
	after, err := processorTime(h.daemon.Process.Pid)
	if err != nil {
		return err
	}
	share := 100 * float64(after-before) / float64(time.Since(began))
	b.figures = append(b.figures, figure{Name: fmt.Sprintf("http_checks_%d", b.checks), Value: share, Unit: "% of a processor", goal: "2"})
	return h.end(ctx, tasks)
}

// processorTime is what a process has used of processors.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	ticks := 0
	for _, field := range fields[11:13] { // in user and in kernel mode, in hundredths of a second
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// writing is a command that writes so many megabytes of lines.
func writing(megabytes int) string {
	return fmt.Sprintf(`yes 'a line of the output of a task, as many programs write them to their standard output all day long.' |
		head -c 10000000 >/tmp/part; i=0; while [ $i -lt %d ]; do cat /tmp/part; i=$((i+10)); done`, megabytes)
}

// outputFigures are how fast output gets to a file, ours and that of "docker start -a", and the executor's memory at its peak.
func (b *bench) outputFigures(ctx context.Context, h *host) error {
	if b.output == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%d MB of output\n", b.output)
	info := h.task(false)
	info.Command.Value = new(writing(b.output))
	task, err := h.start(info)
	if err != nil {
		return err
	}
	if _, _, err := reached(ctx, task, mesos.TASK_RUNNING); err != nil {
		return err
	}
	pid, err := task.ExecutorProcess()
	if err != nil {
		return err
	}
	began := time.Now()
	seen := watchPSS(ctx, pid)
	_, _, err = reached(ctx, task, mesos.TASK_FINISHED)
	ours := time.Since(began)
	memory := peak(seen())
	if err != nil {
		return err
	}
	size, err := os.Stat(filepath.Join(task.Sandbox, "stdout"))
	if err != nil {
		return err
	}
	if size.Size() != int64(b.output)*1000*1000 {
		return fmt.Errorf("%d bytes of output came", size.Size())
	}
	if err := os.Truncate(filepath.Join(task.Sandbox, "stdout"), 0); err != nil {
		return err
	}
	bare, err := h.bareOutput(ctx, b.output)
	if err != nil {
		return err
	}
	rate := func(d time.Duration) float64 { return float64(b.output) / d.Seconds() }
	b.figures = append(b.figures,
		figure{Name: "output", Value: rate(ours), Baseline: rate(bare), Ratio: rate(ours) / rate(bare), Unit: "MB/s", goal: "ratio 1"},
		figure{Name: "output_executor_pss", Value: memory, Unit: "MB"})
	return nil
}

// bareOutput is how long "docker start -a" takes for the same.
func (h *host) bareOutput(ctx context.Context, megabytes int) (time.Duration, error) {
	info := h.task(false)
	info.Command.Value = new(writing(megabytes))
	spec, err := h.spec(ctx, info)
	if err != nil {
		return 0, err
	}
	id, _, err := h.engine.Create(ctx, spec.Name, spec.Config, spec.HostConfig, spec.Networking, spec.Platform)
	if err != nil {
		return 0, err
	}
	defer h.remove(ctx, []string{id})
	out, err := os.Create(filepath.Join(h.directory, "output"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	docker := exec.CommandContext(ctx, "docker", "--host", environment.Host(), "start", "--attach", id)
	docker.Stdout, docker.Stderr = out, os.Stderr
	began := time.Now()
	err = docker.Run()
	return time.Since(began), err
}

// staleFigure is how long after its start a daemon that finds many containers of executors which have died has launched a task.
func (b *bench) staleFigure(ctx context.Context, h *host) error {
	if b.stale == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%d stale containers\n", b.stale)
	tasks, _, err := h.subscribeAll(ctx, h.tasks(1, false))
	if err != nil {
		return err
	}
	if _, err := h.launch(ctx, tasks); err != nil {
		return err
	}
	labels, err := h.labelsOf(ctx, tasks[0].ID)
	if err != nil {
		return err
	}
	if err := h.end(ctx, tasks); err != nil {
		return err
	}
	h.stopDaemon()
	labels.Task, labels.ExecutorPID = "stale", 1<<22
	for i := range b.stale {
		spec, err := h.spec(ctx, h.task(false))
		if err != nil {
			return err
		}
		labels.Name = fmt.Sprintf("mdc-stale-%d", i)
		spec.Config.Labels = labels.Map()
		if _, _, err := h.engine.Create(ctx, labels.Name, spec.Config, spec.HostConfig, spec.Networking, spec.Platform); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := h.startDaemon(ctx); err != nil {
		return err
	}
	first, err := h.start(h.task(false))
	if err != nil {
		return err
	}
	at, _, err := reached(ctx, first, mesos.TASK_RUNNING)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "a task runs %v after the daemon's start; waiting for the removals\n", at.Sub(began))
	b.figures = append(b.figures, figure{Name: fmt.Sprintf("launch_stale%d", b.stale), Value: milliseconds(at.Sub(began)), Unit: "ms", goal: "2000"})
	for left := b.stale; left > 0; {
		list, err := h.engine.List(ctx, engine.InstanceLabel(labels.Instance))
		if err != nil {
			return err
		}
		left = len(list) - 1
		pause(ctx, time.Second)
	}
	b.figures = append(b.figures, figure{Name: fmt.Sprintf("remove_stale%d", b.stale), Value: time.Since(began).Seconds(), Unit: "s"})
	return nil
}

// labelsOf reads the labels of a task's container.
func (h *host) labelsOf(ctx context.Context, task string) (engine.Labels, error) {
	list, err := h.engine.List(ctx, "MESOS_TASK_ID="+task)
	if err != nil {
		return engine.Labels{}, err
	}
	if len(list) != 1 {
		return engine.Labels{}, fmt.Errorf("task %s has %d containers", task, len(list))
	}
	return engine.ParseLabels(list[0].Labels)
}
