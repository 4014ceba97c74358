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
	for _, name := range slices.Concat(slices.Collect(maps.Keys(retryPolicies)), listedCommands(t), []string{"frobnicate"}) {
		var stdout, stderr bytes.Buffer
		status := d.Answer(t.Context(), dockercli.Call{Arguments: []string{name, "--help"}, Stdout: &stdout, Stderr: &stderr})
		if unknown := strings.Contains(stderr.String(), "is not supported"); unknown != (name == "frobnicate") {
			t.Errorf("%s: status %d, %s", name, status, stderr.String())
		}
	}
}

// listedCommands are those that --help lists.
func listedCommands(t *testing.T) []string {
	t.Helper()
	_, after, found := strings.Cut(usage, "Commands:\n")
	list, _, _ := strings.Cut(after, "\n")
	names := strings.Fields(list)
	if !found || len(names) < len(retryPolicies) {
		t.Errorf("--help lists the commands %q", names)
	}
	return names
}
