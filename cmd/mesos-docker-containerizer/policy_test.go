package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/policy"
)

// TestPolicyOfConfig puts every flag to use, each with where it was set.
func TestPolicyOfConfig(t *testing.T) {
	asked := policy.Subject{
		Config: &container.Config{Image: "app"}, Parameters: []string{"volume"},
		HostConfig: &container.HostConfig{
			Binds: []string{"/etc:/x"}, NetworkMode: "host", CapAdd: []string{"SYS_ADMIN"}, PidMode: "host", Runtime: "other",
			VolumeDriver: "other", MaskedPaths: []string{}, Resources: container.Resources{DeviceCgroupRules: []string{"a *:* rwm"}},
		},
	}
	check := func(args ...string) error {
		t.Helper()
		c, _, err := config.Load(config.Options{Root: t.TempDir(), Args: args})
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPolicy(c)
		if err != nil {
			t.Fatal(err)
		}
		return p.Check(t.Context(), asked, nil)
	}
	if err := check(); err != nil {
		t.Errorf("without any file: %v", err)
	}
	for _, flag := range []string{
		"allowed_host_paths", "allowed_parameters", "allowed_networks", "allowed_images", "allowed_capabilities", "allowed_devices",
		"allowed_namespaces", "allowed_volume_drivers", "allowed_runtimes", "allow_privileged",
	} {
		value := map[bool]string{true: "false", false: "none"}[flag == "allow_privileged"]
		refusal, ok := errors.AsType[*policy.Refusal](check("--" + flag + "=" + value))
		if !ok || refusal.Rule != flag || refusal.Source != "command line, --"+flag {
			t.Errorf("%s: %v", flag, refusal)
		}
	}
}

// TestMistakesInThePolicy are shown by every command, all at once.
func TestMistakesInThePolicy(t *testing.T) {
	for _, command := range []string{"config", "serve"} {
		p := start(t, command, "--allowed_images=cafe", "--allowed_namespaces=net:host")
		p.wantStatus(exitUsage)
		for _, want := range []string{"--allowed_images", `"cafe"`, "--allowed_namespaces", `"net:host"`, "pid:host"} {
			if !strings.Contains(p.err(), want) {
				t.Errorf("%s says nothing of %s: %s", command, want, p.err())
			}
		}
	}
}
