package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/config"
)

func load(t *testing.T, args ...string) *config.Config {
	t.Helper()
	c, _, err := config.Load(config.Options{Root: t.TempDir(), Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFindExecutor: beside the test binary there is none, so it is looked for elsewhere, and one of Mesos is not taken for ours.
func TestFindExecutor(t *testing.T) {
	stock := t.TempDir()
	script := "#!/bin/sh\necho mesos 1.11.0\n"
	if err := os.WriteFile(filepath.Join(stock, overlay.ExecutorName), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", stock)
	if path, err := findExecutor(load(t, "--launcher_dir="+stock)); err == nil {
		t.Errorf("%s was taken for our executor", path)
	}
	want := filepath.Join(installed, overlay.ExecutorName)
	if path, err := findExecutor(load(t, "--launcher_dir="+installed)); err != nil || path != want {
		t.Errorf("found %s, %v, want %s", path, err, want)
	}
	t.Setenv("PATH", installed)
	if path, err := findExecutor(load(t, "--launcher_dir="+stock)); err != nil || path != want {
		t.Errorf("found %s, %v, want %s", path, err, want)
	}
}

func TestEngineSocket(t *testing.T) {
	for _, test := range []struct {
		name, host, args, want, origin string
	}{
		{"setting", "", "", "/var/run/docker.sock", "built-in default"},
		{"variable", "unix:///x/docker.sock", "", "/x/docker.sock", "DOCKER_HOST"},
		{"flag", "unix:///x/docker.sock", "--docker_socket=/y/docker.sock", "/y/docker.sock", "command line, --docker_socket"},
		{"remote but overridden", "tcp://x:1", "--docker_socket=/y/docker.sock", "/y/docker.sock", "command line, --docker_socket"},
		{"remote", "tcp://x:1", "", "", ""},
		{"relative", "unix://docker.sock", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var args []string
			if test.args != "" {
				args = append(args, test.args)
			}
			path, origin, err := engineSocket(terminal{environ: []string{"DOCKER_HOST=" + test.host}}, load(t, args...))
			if path != test.want || origin != test.origin || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %q, %v", path, origin, err)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	own := flag.NewFlagSet("x", flag.ContinueOnError)
	duration := own.Duration("for", 0, "")
	asJSON := own.Bool("json", false, "")
	c, positional, err := new(command).parse(terminal{environ: []string{"MESOS_DOCKER_CONTAINERIZER_HOSTNAME=h"}},
		[]string{"one", "--for", "3s", "-", "--orphan_grace=1mins", "two", "--json", "--", "--for=4s"}, own)
	if err != nil {
		t.Fatal(err)
	}
	if *duration != 3*time.Second || !*asJSON || c.OrphanGrace != time.Minute || c.Hostname != "h" {
		t.Errorf("for %v, json %v, orphan_grace %v, hostname %s", *duration, *asJSON, c.OrphanGrace, c.Hostname)
	}
	if want := "[one - two --for=4s]"; want != fmt.Sprint(positional) {
		t.Errorf("positional arguments %v, want %s", positional, want)
	}
}
