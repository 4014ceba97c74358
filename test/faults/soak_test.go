package faults

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/test/environment"
)

const (
	soakTasks = 50 // at once

	// rest is longer than the daemon keeps a connection to the Engine that nothing needs.
	rest = 100 * time.Second
)

// sample is what the daemon uses when nothing is to be done.
type sample struct{ memory, descriptors, goroutines, blocked, threads, disk int }

// resources are the names of a sample's figures, with what of growth is no leak: pages and files come in lumps. Threads are never given
// back by a Go program, which has as many as were in system calls at once: at most one for each task. So what counts is the goroutines,
// and the threads that are in a call while nothing is to be done. Records of tasks are kept for a day, and have a limit of their own.
var resources = []struct {
	name  string
	of    func(sample) int
	slack int
}{
	{"memory (kB of PSS)", func(s sample) int { return s.memory }, 4 << 10},
	{"descriptors", func(s sample) int { return s.descriptors }, 2},
	{"goroutines", func(s sample) int { return s.goroutines }, 2},
	{"threads in a call", func(s sample) int { return s.blocked }, 1},
	{"threads", func(s sample) int { return s.threads }, soakTasks},
	{"disk but for records (kB)", func(s sample) int { return s.disk }, 64},
}

// endsDaemon are the faults after which there is another daemon, whose figures begin anew.
var endsDaemon = []fault{killDaemon, stopDaemon}

// TestSoak runs many tasks under faults for a long time and wants the daemon to need no more in the end than after a quarter of it. It is
// run with -minutes only.
func TestSoak(t *testing.T) {
	if *minutes == 0 {
		t.Skip("a soak takes its time: give -minutes")
	}
	environment.Exclusive(t, "faults")
	chooseSeed()
	t.Logf("seed %d", *seed)
	h := newHost(t)
	length := time.Duration(*minutes * float64(time.Minute))
	began, round := time.Now(), *first
	soak := func(until time.Duration) sample {
		for ; time.Since(began) < until-rest && !t.Failed(); round++ {
			s := draw(*seed, round, soakTasks, faultsEach)
			s.events = slices.DeleteFunc(s.events, func(e event) bool { return slices.Contains(endsDaemon, e.fault) })
			h.round(t, round, s)
		}
		sleep(t.Context(), rest)
		return h.sample(t)
	}
	early := soak(length / 4)
	middle := round - *first
	late := soak(length)
	if middle == 0 || round-*first < 3*middle {
		t.Fatalf("%d rounds, %d of them in the first quarter, are too few to say anything: give more -minutes", round-*first, middle)
	}
	for _, r := range resources {
		before, after := r.of(early), r.of(late)
		t.Logf("%-26s after %d rounds %6d, after %d rounds %6d", r.name, middle, before, round-*first, after)
		if after > before+before/10+r.slack {
			t.Errorf("%s grow", r.name)
		}
	}
	t.Logf("%d rounds with %d tasks each, seed %d", round-*first, soakTasks, *seed)
}

// sample looks at the daemon.
func (h *host) sample(t *testing.T) (s sample) {
	t.Helper()
	pid := h.daemon.Process.Pid
	s.descriptors = descriptors(pid)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil {
		t.Error(err)
	}
	s.threads = len(threads)
	for _, thread := range threads {
		if call, err := os.ReadFile(thread); err == nil && !parked(string(call)) {
			t.Logf("a thread is in a call: %s", call)
			s.blocked++
		}
	}
	if s.memory, err = environment.PSS(pid); err != nil {
		t.Fatal(err)
	}
	s.goroutines = h.goroutines(t)
	records := record.Directory(h.own() + "/run")
	err = filepath.WalkDir(h.own(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Dir(path) != records {
			if info, err := entry.Info(); err == nil {
				s.disk += int(info.Size() >> 10)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return s
}

// parked reports whether a thread is one that the Go runtime has nothing for, by its line of /proc/PID/task/TID/syscall: it waits for work
// or for the network, or it has just come to do so.
func parked(call string) bool {
	var number int
	if _, err := fmt.Sscan(call, &number); err != nil {
		return true // it says "running"
	}
	return slices.Contains([]int{unix.SYS_FUTEX, unix.SYS_EPOLL_PWAIT, unix.SYS_NANOSLEEP}, number)
}

// goroutines asks the daemon how many it has.
func (h *host) goroutines(t *testing.T) (n int) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.own()+"/run/admin.sock")
	}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get("http://daemon/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "go_goroutines "); found {
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Error(err)
			}
		}
	}
	if n == 0 {
		t.Error("the daemon does not tell its goroutines")
	}
	return n
}
