package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/test/environment"
)

// A daemon that is killed while a plugin runs, and again while the task runs, has its networks left by the next: the network has one
// address, which the task gets all the same, and which is free in the end.
func TestDaemonIsKilledOnACNINetwork(t *testing.T) {
	flags, socket := serveFlags(t)
	data, configurations, gates := t.TempDir(), t.TempDir(), t.TempDir()
	at, held := filepath.Join(gates, "at"), filepath.Join(gates, "held")
	if err := unix.Mkfifo(at, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(held, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(file, content string, mode os.FileMode) {
		if err := os.WriteFile(file, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	// Behind ptp, which has taken the address by then, the gate holds ADD for as long as there is the file.
	write(filepath.Join(gates, "gate"), `#!/bin/sh
cat >/dev/null
if [ "$CNI_COMMAND" = ADD ]; then
	if [ -e `+held+` ]; then echo here >`+at+`; exec sleep 1000; fi
	echo '{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.125.0.2/30"}]}'
fi
`, 0o755)
	write(filepath.Join(configurations, "gated.conflist"), fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "gated", "plugins": [
		{"type": "ptp", "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "10.125.0.0/30"}]]}}, {"type": "gate"}]}`, data), 0o600)
	flags = append(flags, "--network_cni_config_dir="+configurations, "--network_cni_plugins_dir="+gates+":"+environment.CNIPlugins(t))
	addresses := func() int {
		found, _ := filepath.Glob(filepath.Join(data, "*", "10.*"))
		return len(found)
	}

	id := unique(t)
	task := fmt.Sprintf(`{"name": "hello", "task_id": {"value": %q}, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
		"container": {"type": "DOCKER", "docker": {"image": %q, "network": "USER"}, "network_infos": [{"name": "gated"}]},
		"command": {"shell": true, "value": "ip -o -4 addr show dev eth0; exec sleep 1000"}}`, id, environment.Busybox(t))
	first := start(t, flags...)
	first.await("the daemon serves")
	p := start(t, "run", "--socket="+socket, "--output=json", file(t, task))
	if _, err := os.ReadFile(at); err != nil { // returns when the gate has written
		t.Fatal(err)
	}
	if addresses() != 1 {
		t.Error("the address is not taken yet")
	}
	first.signal(syscall.SIGKILL)
	<-first.ended
	if err := os.Remove(held); err != nil {
		t.Fatal(err)
	}
	second := start(t, flags...)
	p.await("inet 10.125.0.2/30")
	second.signal(syscall.SIGKILL)
	<-second.ended
	third := start(t, flags...)
	third.await("task taken up again")
	p.interrupt()
	p.wantStatus(exitOK)
	third.await("container removed")
	if n := addresses(); n != 0 {
		t.Errorf("%d addresses are held", n)
	}
	third.interrupt()
	third.wantStatus(exitOK)
	if strings.Contains(third.err(), "cannot be left") {
		t.Error("networks were left in more than one attempt")
	}
	nothingLeft(t, id)
}
