package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An agent starts this program several times per task and waits for it, so it is to start quickly and be small.
func TestLinksNothingHeavy(t *testing.T) {
	own := []string{
		"mesos-docker-containerizer/cmd/mesos-docker-cli",
		"mesos-docker-containerizer/containerizer/dockercli/protocol",
		"mesos-docker-containerizer/internal/transport", "mesos-docker-containerizer/internal/transport/stdcopy",
		"golang.org/x/term", "golang.org/x/sys/unix",
	}
	output, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	for _, p := range packages {
		if !slices.Contains(own, p) {
			t.Errorf("links %s: what a command does is the daemon's", p)
		}
	}
	if len(packages) != len(own) {
		t.Errorf("links %q, expected are %q", packages, own)
	}
	output, err = exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"net/http", "crypto/tls", "regexp", "text/template"} {
		if slices.Contains(strings.Fields(string(output)), p) {
			t.Errorf("links %s, which is large or slow to load", p)
		}
	}
}
