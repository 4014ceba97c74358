package main

import (
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer"
)

func TestCPUShare(t *testing.T) {
	at := time.Unix(1700000000, 0)
	of := func(container string, cpu time.Duration, at time.Time) containerizer.TaskStats {
		return containerizer.TaskStats{TaskReport: containerizer.TaskReport{Container: container}, CPU: cpu, At: at}
	}
	before := []containerizer.TaskStats{of("a", time.Second, at), of("b", 0, at)}
	for want, now := range map[string]containerizer.TaskStats{
		"150.0%": of("a", 4*time.Second, at.Add(2*time.Second)),
		"0.0%":   of("b", 0, at.Add(time.Second)),
		"-":      of("new", time.Second, at.Add(time.Second)),
	} {
		if got := cpuShare(before, now); got != want {
			t.Errorf("%s: %s, want %s", now.Container, got, want)
		}
	}
	if got := cpuShare(before, before[0]); got != "-" {
		t.Errorf("no time has passed: %s", got)
	}
}
