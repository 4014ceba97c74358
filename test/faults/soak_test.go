package faults

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mesos-docker-containerizer/test/environment"
)

// Of a soak: so many tasks at once, and half of the rounds without a fault that ends the daemon, whose figures begin anew then.
const soakTasks = 50

// sample is what the daemon uses when nothing is to be done.
type sample struct{ memory, descriptors, threads, disk int }

// resources are the names of a sample's figures, with what of growth is no leak: pages and files come in lumps.
var resources = []struct {
	name  string
	of    func(sample) int
	slack int
}{
	{"memory (kB of PSS)", func(s sample) int { return s.memory }, 4 << 10},
	{"descriptors", func(s sample) int { return s.descriptors }, 4},
	{"threads", func(s sample) int { return s.threads }, 4},
	{"disk (kB of its directories)", func(s sample) int { return s.disk }, 256},
}

// endsDaemon are the faults after which there is another daemon.
var endsDaemon = []fault{killDaemon, stopDaemon}

// TestSoak runs many tasks under faults for a long time and wants the daemon to need no more in the end than in the middle. It is
// run with -minutes only.
func TestSoak(t *testing.T) {
	if *minutes == 0 {
		t.Skip("a soak takes its time: give -minutes")
	}
	environment.Exclusive(t, "faults")
	chooseSeed()
	t.Logf("seed %d", *seed)
	h := newHost(t)
	var samples []sample
	until := time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	for round := *first; time.Now().Before(until) && !t.Failed(); round++ {
		s := draw(*seed, round, soakTasks, faultsEach)
		s.events = slices.DeleteFunc(s.events, func(e event) bool { return slices.Contains(endsDaemon, e.fault) })
		h.round(t, round, s)
		samples = append(samples, h.sample(t))
	}
	if len(samples) < 8 {
		t.Fatalf("%d rounds are too few to say anything: give more -minutes", len(samples))
	}
	quarter := len(samples) / 4
	for _, r := range resources {
		early, late := median(samples[quarter:2*quarter], r.of), median(samples[len(samples)-quarter:], r.of)
		t.Logf("%-30s second quarter %8d, last quarter %8d", r.name, early, late)
		if late > early+early/10+r.slack {
			t.Errorf("%s grow", r.name)
		}
	}
	t.Logf("%d rounds with %d tasks each, seed %d", len(samples), soakTasks, *seed)
}

func median(samples []sample, of func(sample) int) int {
	var all []int
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// sample looks at the daemon.
func (h *host) sample(t *testing.T) (s sample) {
	t.Helper()
	pid := h.daemon.Process.Pid
	s.descriptors = descriptors(pid)
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Error(err)
	}
	s.threads = len(threads)
	if s.memory, err = environment.PSS(pid); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(h.own(), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
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
