package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestDoctor looks at a host with a real daemon and a real Engine, and at one without.
func TestDoctor(t *testing.T) {
	h := newMesosHost(t)
	h.setup("--write").wantStatus(exitOK)
	flags, socket := serveFlags(t)
	daemon := start(t, flags...)
	daemon.await("the daemon serves")
	work := t.TempDir()
	h.runsWith(map[string]string{
		"containerizers": "docker,mesos", "launcher_dir": h.overlay, "docker": h.overlay + "/docker", "work_dir": work,
		"docker_socket": strings.TrimPrefix(flags[3], "--docker_socket="),
	})
	args := append([]string{"doctor", "--json", "--agent=" + h.agent, "--overlay=" + h.overlay, "--programs=" + h.programs}, flags[1:]...)
	p := start(t, append(args, "--work_dir="+work)...)
	<-p.ended
	var report struct {
		Status string
		Checks []struct{ Name, Status, Seen, Advice string }
	}
	must(t, json.Unmarshal([]byte(p.out()), &report))
	want := map[string]bool{"engine": true, "daemon": true, "sockets": true, "programs": true, "agent": true, "agent_flags": true, "containerizers": true,
		"launcher_dir": true, "docker_command": true, "overlay": true, "agreement": true, "clock": true, "kernel": true}
	for _, c := range report.Checks {
		if want[c.Name] && c.Status != "ok" {
			t.Errorf("%+v", c)
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("not checked: %v", want)
	}
	if (report.Status == "failed") != (p.command.ProcessState.ExitCode() == exitFailed) {
		t.Errorf("status %s, exit status %v", report.Status, p.command.ProcessState)
	}
	daemon.interrupt()
	daemon.wantStatus(exitOK)

	p = start(t, args[0], args[2], "--socket="+socket, flags[1])
	p.wantStatus(exitFailed)
	if !strings.Contains(p.out(), "no daemon answers") || !strings.Contains(p.out(), "-> systemctl start") {
		t.Error("it does not say what is wrong, or what to do")
	}
	start(t, "doctor", "--agent=x").wantStatus(exitUsage)
	start(t, "doctor", "x").wantStatus(exitUsage)
}

// To others than root a host that is well would look broken.
func TestDoctorNeedsRoot(t *testing.T) {
	p := startWith(t, func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		c.Path = "/proc/self/exe" // the folder of the programs is root's
	}, "doctor", "--json")
	p.wantStatus(exitEnvironment)
	if p.out() != "" || !strings.Contains(p.err(), "needs root") {
		t.Errorf("it says %q", p.err())
	}
}
