package faults

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/fakeengine"
)

// apply makes a fault happen, and undoes it where it lasts for a while. tasks are those launched so far.
func (h *host) apply(t *testing.T, e event, tasks []*task) {
	t.Helper()
	ctx := t.Context()
	switch e.fault {
	case killDaemon, stopDaemon:
		h.endDaemon(t, map[fault]os.Signal{killDaemon: syscall.SIGKILL, stopDaemon: syscall.SIGTERM}[e.fault])
		sleep(ctx, e.lasts)
		h.startDaemon(t)
	case pauseDaemon:
		h.pause(t, h.daemon.Process.Pid, e)
	case pauseEngine:
		h.pause(t, h.dockerd.Process.Pid, e)
	case fewDescriptors:
		h.limitDescriptors(t, e)
	case fillDisk:
		h.fill(t, e)
	case restartAgent:
		third := e.lasts / 3
		if err := h.agent.Restart(ctx, localagent.Outage{Down: third, Starting: third, Recovering: third}); err != nil {
			t.Error(err)
		}
	case killExecutor, pauseExecutor:
		h.harmExecutor(t, e, tasks)
	case loseAnswer, halveAnswer, breakCall, failCall, hangCall:
		h.failCalls(t, e)
	case killEngine, restartEngine:
		h.endEngine(t, map[fault]os.Signal{killEngine: syscall.SIGKILL, restartEngine: syscall.SIGTERM}[e.fault])
		sleep(ctx, e.lasts)
		h.startEngine(t)
	case stopEngine:
		h.stopWithContainers(t, e)
	case killContainerd:
		h.killContainerd(t)
	default:
		t.Fatalf("fault %d is not made", e.fault)
	}
}

func (h *host) pause(t *testing.T, pid int, e event) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Error(err)
		return
	}
	sleep(t.Context(), e.lasts)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Error(err)
	}
}

func (h *host) harmExecutor(t *testing.T, e event, tasks []*task) {
	t.Helper()
	if e.task >= len(tasks) {
		return // not launched yet
	}
	k := tasks[e.task]
	pid, err := k.ExecutorProcess()
	if err != nil || k.work.reader != fileReader { // a process of a reader's is in its place
		return
	}
	if e.fault == killExecutor {
		k.executorKilled = true
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		return
	}
	if syscall.Kill(pid, syscall.SIGSTOP) == nil { // else its task has ended
		sleep(t.Context(), e.lasts)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// failCalls has the next calls of one kind fail. Those that hang are answered after a while, as the others are repeated.
func (h *host) failCalls(t *testing.T, e event) {
	t.Helper()
	kind := map[fault]fakeengine.Kind{
		loseAnswer: fakeengine.LoseAnswer, halveAnswer: fakeengine.Halve, breakCall: fakeengine.Break, failCall: fakeengine.Fail, hangCall: fakeengine.Hang,
	}[e.fault]
	h.proxy.Fault(kind, calls[e.call][0], calls[e.call][1], e.times)
	sleep(t.Context(), e.lasts)
	h.proxy.Heal()
}

// stopWithContainers restarts the Engine as on a host without live-restore, whose containers it stops.
func (h *host) stopWithContainers(t *testing.T, e event) {
	t.Helper()
	h.settings(t, false)
	if err := h.dockerd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	h.eventually(t, "the Engine to read its settings", func() bool {
		info, err := h.docker.Info(t.Context())
		return err == nil && !info.LiveRestoreEnabled
	})
	h.endEngine(t, syscall.SIGTERM)
	sleep(t.Context(), e.lasts)
	h.startEngine(t)
}

// limitDescriptors leaves the daemon a few descriptors for a while.
func (h *host) limitDescriptors(t *testing.T, e event) {
	t.Helper()
	pid := h.daemon.Process.Pid
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: uint64(descriptors(pid) + 3), Max: before.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	sleep(t.Context(), e.lasts)
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Error(err)
	}
}

// descriptors counts the open files of a process.
func descriptors(pid int) int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries)
}

// fill leaves no room in the daemon's directories for a while.
func (h *host) fill(t *testing.T, e event) {
	t.Helper()
	path := filepath.Join(h.own(), "full")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = file.Write(block)
	}
	file.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("fill the disk: %v", err)
	}
	sleep(t.Context(), e.lasts)
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

// killContainerd kills the containerd that dockerd has started, and waits for the next.
func (h *host) killContainerd(t *testing.T) {
	t.Helper()
	old := h.containerd()
	if old == 0 {
		t.Error("the Engine has no containerd")
		return
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	h.eventually(t, "another containerd", func() bool {
		now := h.containerd()
		return now != 0 && now != old
	})
}

// containerd is the process id of dockerd's child of that name; 0 if there is none.
func (h *host) containerd() int {
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range files {
		status, err := os.Open(file)
		if err != nil {
			continue
		}
		var name string
		var parent int
		for s := bufio.NewScanner(status); s.Scan(); {
			key, value, _ := strings.Cut(s.Text(), ":\t")
			switch key {
			case "Name":
				name = value
			case "PPid":
				fmt.Sscan(value, &parent)
			}
		}
		status.Close()
		if name == "containerd" && parent == h.dockerd.Process.Pid {
			var pid int
			fmt.Sscan(filepath.Base(filepath.Dir(file)), &pid)
			return pid
		}
	}
	return 0
}
