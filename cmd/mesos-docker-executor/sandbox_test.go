package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSandboxIsTheWorkingDirectory(t *testing.T) {
	sandbox := t.TempDir()
	link := filepath.Join(t.TempDir(), "latest")
	if err := os.Symlink(sandbox, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(sandbox)
	physical, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for named, want := range map[string]string{
		sandbox: sandbox, link: link, // the agent's name
		"": physical, ".": physical, "/nowhere": physical, t.TempDir(): physical, // not the agent's
	} {
		getenv := inSandbox(func(name string) string {
			if name == "MESOS_DIRECTORY" || name == "MESOS_SANDBOX" {
				return named
			}
			return "other"
		})
		if got := getenv("MESOS_DIRECTORY"); got != want {
			t.Errorf("MESOS_DIRECTORY=%q: %q, want %q", named, got, want)
		}
		if got := getenv("MESOS_SANDBOX"); got != "" {
			t.Errorf("MESOS_SANDBOX=%q", got)
		}
		if got := getenv("MESOS_SLAVE_ID"); got != "other" {
			t.Errorf("MESOS_SLAVE_ID=%q", got)
		}
	}
}

func TestRemovedWorkingDirectory(t *testing.T) {
	removed := filepath.Join(t.TempDir(), "removed")
	if err := os.Mkdir(removed, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(removed)
	t.Setenv("PWD", "")
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	getenv := inSandbox(func(string) string { return removed })
	if got := getenv("MESOS_DIRECTORY"); got != removed {
		t.Errorf("MESOS_DIRECTORY=%q", got)
	}
}
