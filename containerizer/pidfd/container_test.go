package pidfd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/cgroup"
)

// id is like that of a container.
const id = "5f2c9d0e1a6b47c88e7f3d2b1a0c9e8d7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c"

// A container's processes are found by its id alone, in the cgroups of both versions and with the names of both drivers of cgroups,
// and are killed to the last one, wherever below they are.
func TestContainerByItsID(t *testing.T) {
	tried := 0
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory"} {
		if _, err := os.Stat(hierarchy + "/cgroup.procs"); err != nil {
			continue // this host has it not
		}
		for name, directory := range map[string]string{"cgroupfs": id, "systemd": "docker-" + id + ".scope"} {
			t.Run(filepath.Base(hierarchy)+" "+name, func(t *testing.T) {
				parent := filepath.Join(hierarchy, "pidfd-test-"+strconv.Itoa(os.Getpid()), directory)
				first, second := sleeper(t, parent), sleeper(t, filepath.Join(parent, "below"))
				found, err := FindContainer(id)
				if err != nil {
					t.Fatal(err)
				}
				defer found.Close()
				if found.Ended() {
					t.Error("a process that runs has ended")
				}
				if err := KillContainer(id[1:] + "0"); err != nil || found.Ended() {
					t.Errorf("another container's end ended it: %v", err)
				}
				if _, err := os.Stat(filepath.Join(parent, "cgroup.kill")); err == nil && name == "systemd" {
					if group, err := cgroup.Of(first.Process.Pid, id); err != nil || group.Kill() != nil {
						t.Errorf("the kernel does not kill the group: %v", err)
					}
				}
				if err := KillContainer(id); err != nil {
					t.Fatal(err)
				}
				for _, c := range []*exec.Cmd{first, second} {
					if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
						t.Errorf("a process ended with %v", err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := found.Wait(ctx); err != nil || !found.Ended() {
					t.Errorf("the first process is not seen to have ended: %v", err)
				}
				if _, err := FindContainer(id); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a process was found: %v", err)
				}
			})
			tried++
		}
	}
	if tried == 0 {
		t.Fatal("this host has no cgroups")
	}
}

// sleeper starts a process in a cgroup that is removed with the test. The first of several is the first of the container.
func sleeper(t *testing.T, group string) *exec.Cmd {
	t.Helper()
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		for ; strings.Contains(group, "pidfd-test-"); group = filepath.Dir(group) {
			_ = os.Remove(group) // the last test to end there can
		}
	})
	if err := os.WriteFile(group+"/cgroup.procs", []byte(strconv.Itoa(c.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	return c
}

// What is no container's whole id is no part of the name of other groups either.
func TestNoIDFindsNothing(t *testing.T) {
	for _, no := range []string{"", "/", "docker", id[:12], strings.ToUpper(id), id + "/"} {
		if pids := processesOf(no); len(pids) > 0 {
			t.Errorf("%q has processes %v", no, pids)
		}
	}
}
