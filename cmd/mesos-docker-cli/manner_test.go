package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/dockercli"
)

// TestMannersAreOfCommands: there is none for a command that the daemon does not know.
func TestMannersAreOfCommands(t *testing.T) {
	d := dockercli.New(dockercli.Options{Logger: zap.NewNop()})
	defer d.Close()
	for _, name := range append(slices.Collect(maps.Keys(manners)), "frobnicate") {
		var stdout, stderr bytes.Buffer
		status := d.Answer(t.Context(), dockercli.Call{Arguments: []string{name, "--help"}, Stdout: &stdout, Stderr: &stderr})
		if unknown := strings.Contains(stderr.String(), "is not supported"); unknown != (name == "frobnicate") {
			t.Errorf("%s: status %d, %s", name, status, stderr.String())
		}
	}
}
