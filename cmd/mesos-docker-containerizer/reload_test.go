package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/test/memoryregistry"
)

// TestReload rotates credentials and changes other settings under a running daemon, with a mistake in between.
func TestReload(t *testing.T) {
	registry := memoryregistry.New(t)
	registry.Login = "user:new-password"
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	write := func(name, value string) {
		t.Helper()
		must(t, os.WriteFile(path(name), []byte(value), 0o600))
	}
	credentials := func(login string) {
		t.Helper()
		write("docker_config", fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, registry.Address, base64.StdEncoding.EncodeToString([]byte(login))))
	}
	credentials("user:old-password")
	flags, socket := serveFlags(t)
	flags = append(flags, "--docker_config="+path("docker_config"))
	for name, value := range map[string]string{"log_level": "info", "allowed_capabilities": "*", "image_gc_delay": "0secs", "pull_progress_interval": "10secs", "prepare_timeout": "1mins"} {
		write(name, value)
		flags = append(flags, "--"+name+"=file://"+path(name))
	}
	daemon := start(t, flags...)
	daemon.await("the daemon serves")
	runs := func(app string, status int, want string) {
		t.Helper()
		p := start(t, "run", "--socket="+socket, file(t, app))
		p.wantStatus(status)
		if !strings.Contains(p.out(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	reload := func(status int, want ...string) {
		t.Helper()
		p := start(t, "reload", flags[1])
		p.wantStatus(status)
		for _, w := range want {
			if !strings.Contains(p.out()+p.err(), w) {
				t.Errorf("reload does not say %q", w)
			}
		}
		if strings.Contains(p.out()+p.err(), "password") {
			t.Error("reload shows a password")
		}
	}
	app := fmt.Sprintf(`{"id": "/%s", "cmd": "true", "cpus": 0.1, "mem": 32, "container": {"type": "DOCKER", "docker": {"image": %q, "network": "NONE", "parameters": [{"key": "cap-add", "value": "SYS_TIME"}]}}}`,
		unique(t), registry.Ref())

	reload(exitOK, "nothing has changed")
	runs(app, exitFailed, "the registry denied access with the credentials in docker_config")
	credentials("user:new-password")
	write("prepare_timeout", "2mins")
	write("log_level", "debug")
	reload(exitOK, "took effect: docker_config=(set, not shown) (from command line, --docker_config, which names "+path("docker_config"),
		"took effect: log_level=debug", "needs a restart of the daemon: prepare_timeout=2mins")
	runs(app, exitOK, "TASK_FINISHED")
	if !strings.Contains(daemon.err(), `"level":"debug"`) {
		t.Error("log_level has no effect")
	}

	write("allowed_capabilities", "none")
	write("image_gc_delay", "no time")
	reload(exitFailed, "nothing was reloaded, the daemon keeps its settings", path("image_gc_delay"), `"no time" is refused`)
	runs(app, exitOK, "TASK_FINISHED")

	write("image_gc_delay", "3days")
	write("pull_progress_interval", "1mins")
	must(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.await("allowed_capabilities=none")
	runs(app, exitFailed, `capability "SYS_TIME" is not allowed on this host`)
	images := start(t, "images", flags[1])
	images.wantStatus(exitOK)
	if !strings.Contains(images.out(), "Images go that were not used for 3days") {
		t.Error("image_gc_delay has no effect")
	}
	running := start(t, "config", "--running", flags[1])
	running.wantStatus(exitOK)
	if !strings.Contains(running.out(), "says prepare_timeout=2mins. Restart the daemon") || strings.Contains(running.out(), "says allowed_capabilities") {
		t.Errorf("config --running says\n%s", running.out())
	}
	daemon.interrupt()
	daemon.wantStatus(exitOK)
	start(t, "reload", flags[1]).wantStatus(exitEnvironment)
	if _, err := os.Stat(filepath.Join(strings.TrimPrefix(flags[1], "--run_dir="), protocol.AdminSocket)); err == nil {
		t.Error("the socket for admins is left")
	}
}
