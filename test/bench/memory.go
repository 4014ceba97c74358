package main

import (
	"time"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// memorySettle is how long after a burst memory is measured: the daemon gives back what that took when it has had nothing to do
// for some seconds.
const memorySettle = 30 * time.Second

// pss is environment.PSS in MB.
func pss(pid int) (float64, error) {
	kB, err := environment.PSS(pid)
	return float64(kB) / 1024, err
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
