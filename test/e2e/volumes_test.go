package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mesos-docker-containerizer/test/environment"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// volume is a Volume of ContainerInfo.
func volume(hostPath, containerPath string, mode mesos.Volume_Mode) mesos.Volume {
	return mesos.Volume{HostPath: &hostPath, ContainerPath: containerPath, Mode: &mode}
}

// directory makes a directory of the host with one file in it.
func directory(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "file"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Error(err)
	}
	return string(content)
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	t.Run("read-only and read-write", func(t *testing.T) {
		t.Parallel()
		ro, rw := directory(t, "ro"), directory(t, "rw")
		info := shell(t, `cat /ro/file /etc/rw/file; echo >/ro/new || echo refused; echo of the task >/etc/rw/new`)
		info.Container.Volumes = []mesos.Volume{volume(ro, "/ro", mesos.RO), volume(rw, "/etc/rw", mesos.RW)}
		k := h.launch(t, info)
		k.finish(t)
		if got := k.output(t, "stdout"); got != "of the host\nof the host\nrefused\n" {
			t.Errorf("stdout %q", got)
		}
		if got := k.output(t, "stderr"); !strings.Contains(got, "Read-only file system") {
			t.Errorf("stderr %q", got)
		}
		if _, err := os.Stat(filepath.Join(ro, "new")); err == nil {
			t.Error("the task has written to its read-only volume")
		}
		if got := read(t, rw, "new"); got != "of the task\n" {
			t.Errorf("the host reads %q", got)
		}
	})
	t.Run("relative host path", func(t *testing.T) {
		t.Parallel()
		info := shell(t, `echo of the task >/data/file; cat $MESOS_SANDBOX/in/here/file`)
		info.Container.Volumes = []mesos.Volume{volume("in/here", "/data", mesos.RW)}
		k := h.launch(t, info)
		k.finish(t)
		if got := k.output(t, "stdout") + read(t, k.Sandbox, "in/here/file"); got != "of the task\nof the task\n" {
			t.Errorf("container and host read %q", got)
		}
	})
	t.Run("relative container path", func(t *testing.T) {
		t.Parallel()
		outside := directory(t, "outside")
		info := shell(t, `cd $MESOS_SANDBOX/inner/data; cat file; echo of the task >new`)
		info.Container.Volumes = []mesos.Volume{volume(outside, "inner/data", mesos.RW)}
		k := h.launch(t, info)
		k.finish(t)
		if got := k.output(t, "stdout") + read(t, outside, "new"); got != "of the host\nof the task\n" {
			t.Errorf("container and host read %q", got)
		}
	})
	t.Run("colon in the path", func(t *testing.T) {
		t.Parallel()
		colon := directory(t, "a:b")
		info := shell(t, `cat /data/file; echo of the task >/data/new`)
		info.Container.Volumes = []mesos.Volume{volume(colon, "/data", mesos.RW)}
		k := h.launch(t, info)
		k.finish(t)
		if got := k.output(t, "stdout") + read(t, colon, "new"); got != "of the host\nof the task\n" {
			t.Errorf("container and host read %q", got)
		}
	})
	t.Run("host path that is not there", func(t *testing.T) {
		t.Parallel()
		missing := filepath.Join(t.TempDir(), "missing", "too")
		info := shell(t, `echo of the task >/data/file`)
		info.Container.Volumes = []mesos.Volume{volume(missing, "/data", mesos.RW)}
		h.launch(t, info).finish(t)
		if got := read(t, missing, "file"); got != "of the task\n" {
			t.Errorf("the host reads %q", got)
		}
	})
}

func TestVolumesThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]struct {
		volume mesos.Volume
		words  []string
	}{
		"both relative":      {volume("a", "b", mesos.RW), []string{"Failed to create docker run options: Both host_path 'a' and container_path 'b' of a volume are relative"}},
		"no source":          {mesos.Volume{ContainerPath: "/data", Mode: mesos.RW.Enum()}, []string{"Host path or volume source is required"}},
		"out of the sandbox": {volume("../../..", "/data", mesos.RW), []string{"../../..", "leaves the sandbox"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := shell(t, "true")
			info.Container.Volumes = []mesos.Volume{test.volume}
			k, status := h.run(t, info)
			wantMessage(t, status, mesos.TASK_FAILED, test.words...)
			k.wantStates(t, "STARTING FAILED")
		})
	}
}

// A symbolic link that a task has left in a sandbox leads nowhere else: the volume under it is refused.
func TestSandboxLinkIsNotFollowed(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	outside := directory(t, "outside")
	h.stopDaemon(t)
	info := shell(t, "cat /data/file")
	info.Container.Volumes = []mesos.Volume{volume("link", "/data", mesos.RW)}
	k := h.launch(t, info)
	k.await(t, mesos.TASK_STARTING)
	if err := os.Symlink(outside, filepath.Join(k.Sandbox, "link")); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "link")
}

// The sandbox is where MESOS_SANDBOX says, and both sides write to it.
func TestSandbox(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, shell(t, `cd "$MESOS_SANDBOX" && pwd && echo of the task >from-task &&
		until [ -e from-host ]; do sleep 0.05; done; cat from-host`))
	k.awaitOutput(t, mapped)
	environment.Eventually(t, patience, "the task's file", func() bool {
		content, _ := os.ReadFile(filepath.Join(k.Sandbox, "from-task"))
		return string(content) == "of the task\n"
	})
	if err := os.WriteFile(filepath.Join(k.Sandbox, "new"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(k.Sandbox, "new"), filepath.Join(k.Sandbox, "from-host")); err != nil {
		t.Fatal(err)
	}
	k.finish(t)
	if got := k.output(t, "stdout"); got != mapped+"\nof the host\n" {
		t.Errorf("stdout %q", got)
	}
}
