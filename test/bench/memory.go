package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"mesos-docker-containerizer/internal/localagent"
)

// memorySettle is how long after a burst memory is measured: the daemon gives back what that took when it has had nothing to do
// for some seconds.
const memorySettle = 30 * time.Second

// pss is the proportional set size of a process in MB: what it has alone, and its share of what it has with others.
func pss(pid int) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if text, ok := strings.CutPrefix(s.Text(), "Pss:"); ok {
			var kb float64
			_, err := fmt.Sscanf(text, "%f kB", &kb)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no Pss", pid)
}

// executorPSS is the mean over the tasks' executors.
func executorPSS(tasks []*localagent.Task) (float64, error) {
	sum := 0.0
	for _, task := range tasks {
		pid, err := task.ExecutorProcess()
		if err != nil {
			return 0, err
		}
		one, err := pss(pid)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum / float64(len(tasks)), nil
}
