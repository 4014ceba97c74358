package main

import (
	"os/exec"
	"strings"
	"testing"
)

// One of these processes runs per task, so what it links costs memory on every host times the number of its tasks.
func TestExecutorLinksNothingHeavy(t *testing.T) {
	heavy := map[string]string{
		"github.com/docker/":                       "the Engine is the daemon's; the client alone doubles the executor's memory",
		"github.com/moby/":                         "belongs to the Engine's client",
		"github.com/containerd/":                   "belongs to the Engine's client",
		"github.com/distribution/":                 "compiles regular expressions when it is loaded",
		"github.com/prometheus/":                   "metrics are the daemon's",
		"github.com/spf13/":                        "the executor has a handful of flags",
		"mesos-docker-containerizer/containerizer": "the executor speaks to the daemon over wire alone",
		"mesos-docker-containerizer/config":        "configuration is the daemon's",
	}
	output, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	if len(packages) < 50 {
		t.Fatalf("go list names only %d packages", len(packages))
	}
	for _, p := range packages {
		for prefix, reason := range heavy {
			if strings.HasPrefix(p, prefix) {
				t.Errorf("links %s: %s", p, reason)
			}
		}
	}
}
