package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/localagent"
)

// source is a Volume with a source.
func source(s mesos.Volume_Source, containerPath string) mesos.Volume {
	return mesos.Volume{Source: &s, ContainerPath: containerPath, Mode: mesos.RW.Enum()}
}

// memoryMount mounts a tmpfs of the host that shares later mounts below it, until the test ends.
func memoryMount(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED, this user may not mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	if err := unix.Mount("", path, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	return path
}

// Volumes of a driver are made with the driver's options, and outlive the task.
func TestVolumeDriverOptions(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := fmt.Sprintf("e2e-%d", time.Now().UnixNano())
	t.Cleanup(func() {
		if err := h.docker.VolumeRemove(context.WithoutCancel(t.Context()), name, false); err != nil {
			t.Errorf("the volume: %v", err)
		}
	})
	info := probe(t, "report")
	info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{
		Type: mesos.Volume_Source_DOCKER_VOLUME,
		DockerVolume: &mesos.Volume_Source_DockerVolume{Name: name, Driver: new("local"), DriverOptions: &mesos.Parameters{Parameter: []mesos.Parameter{
			{Key: "type", Value: "tmpfs"}, {Key: "device", Value: "tmpfs"}, {Key: "o", Value: "size=768k"},
		}}},
	}, "/data")}
	seen, running := h.report(t, info)
	if data, ok := seen.MountAt("/data"); !ok || data.Type != "tmpfs" || !slices.Contains(data.Super, "size=768k") {
		t.Errorf("/data: %+v", data)
	}
	found := inspected(t, running).Mounts
	if i := slices.IndexFunc(found, func(m container.MountPoint) bool { return m.Name == name }); i < 0 || found[i].Type != mount.TypeVolume || found[i].Driver != "local" {
		t.Errorf("mounts %+v", found)
	}
}

func TestVolumeSources(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	t.Run("sandbox path", func(t *testing.T) {
		t.Parallel()
		info := shell(t, `echo of the task >/data/file; cat "$MESOS_SANDBOX/keep/this/file"`)
		info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{
			Type:        mesos.Volume_Source_SANDBOX_PATH,
			SandboxPath: &mesos.Volume_Source_SandboxPath{Type: mesos.Volume_Source_SandboxPath_SELF, Path: "keep/this"},
		}, "/data")}
		k := h.launch(t, info)
		k.finish(t)
		if got := k.output(t, "stdout") + read(t, k.Sandbox, "keep/this/file"); got != "of the task\nof the task\n" {
			t.Errorf("container and host read %q", got)
		}
	})
	t.Run("host path", func(t *testing.T) {
		t.Parallel()
		outside := directory(t, "outside")
		info := shell(t, `cat /data/file; echo of the task >/data/new`)
		info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{
			Type: mesos.Volume_Source_HOST_PATH, HostPath: &mesos.Volume_Source_HostPath{Path: outside},
		}, "/data")}
		k := h.launch(t, info)
		k.finish(t)
		if got := k.output(t, "stdout") + read(t, outside, "new"); got != "of the host\nof the task\n" {
			t.Errorf("container and host read %q", got)
		}
	})
	t.Run("odd names", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"with blank", "ünïcödé 文", `quote"s' $HOME`, "a:b c:ro"} {
			odd := directory(t, name)
			info := shell(t, `cat "$AT/file"; echo of the task >"$AT/new"`)
			info.Command.Environment = variables("AT=/in/" + name)
			info.Container.Volumes = []mesos.Volume{volume(odd, "/in/"+name, mesos.RW)}
			k := h.launch(t, info)
			k.finish(t)
			if got := k.output(t, "stdout") + read(t, odd, "new"); got != "of the host\nof the task\n" {
				t.Errorf("%s: container and host read %q", name, got)
			}
		}
	})
	t.Run("two drivers", func(t *testing.T) {
		t.Parallel()
		of := func(driver string) mesos.Volume {
			return source(mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME,
				DockerVolume: &mesos.Volume_Source_DockerVolume{Name: "v-" + driver, Driver: &driver}}, "/"+driver)
		}
		info := shell(t, "true")
		info.Container.Volumes = []mesos.Volume{of("one"), of("two")}
		_, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, "Failed to create docker run options: Only one volume driver is supported")
	})
}

// What the host mounts later shows in a container that asked for it, and in no other.
func TestMountPropagation(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]struct {
		mode mesos.MountPropagation_Mode
		want string
		tag  string
	}{
		"host to container": {mesos.MountPropagation_HOST_TO_CONTAINER, "seen\n", "master:"},
		"bidirectional":     {mesos.MountPropagation_BIDIRECTIONAL, "seen\n", "shared:"},
		"none":              {mesos.MountPropagation_UNKNOWN, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			shared := memoryMount(t)
			below := filepath.Join(shared, "below")
			if err := os.Mkdir(below, 0o755); err != nil {
				t.Fatal(err)
			}
			from := mesos.Volume_Source_HostPath{Path: shared}
			if test.mode != mesos.MountPropagation_UNKNOWN {
				from.MountPropagation = &mesos.MountPropagation{Mode: &test.mode}
			}
			info := shell(t, `grep ' /data ' /proc/self/mountinfo >&2; echo ready; until [ -e /data/go-on ]; do sleep 0.05; done; ls /data/below`)
			info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{Type: mesos.Volume_Source_HOST_PATH, HostPath: &from}, "/data")}
			k := h.launch(t, info)
			k.awaitOutput(t, "ready")
			if err := unix.Mount("tmpfs", below, "tmpfs", 0, "size=1m"); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{filepath.Join(below, "seen"), filepath.Join(shared, "go-on")} {
				if err := os.WriteFile(file, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			k.finish(t)
			if got := strings.TrimPrefix(k.output(t, "stdout"), "ready\n"); got != test.want {
				t.Errorf("the container sees %q, want %q", got, test.want)
			}
			tags, _, _ := strings.Cut(k.output(t, "stderr"), " - ")
			for _, tag := range []string{"master:", "shared:"} {
				if strings.Contains(tags, tag) != (tag == test.tag) {
					t.Errorf("mount of the container: %s", tags)
				}
			}
		})
	}
}

// A persistent volume is where the agent has mounted it: in the sandbox.
func TestPersistentVolume(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	kept := directory(t, "kept")
	h.stopDaemon(t)
	info := shell(t, `cat "$MESOS_SANDBOX/data/file"; echo of the task >"$MESOS_SANDBOX/data/new"`)
	info.Resources = append(info.Resources, mesos.Resource{
		Name: "disk", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 8},
		Disk: &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "e2e"},
			Volume:      &mesos.Volume{ContainerPath: "data", Mode: mesos.RW.Enum()},
		},
	})
	k := h.launch(t, info)
	k.await(t, mesos.TASK_STARTING)
	target := filepath.Join(k.Sandbox, "data") // made by the stand-in for the agent
	if err := unix.Mount(kept, target, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("NOT TESTED, this user may not mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
	h.start(t)
	k.finish(t)
	if got := k.output(t, "stdout") + read(t, kept, "new"); got != "of the host\nof the task\n" {
		t.Errorf("container and host read %q", got)
	}
	if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}

// Secrets and what hooks of the agent add reach the container on every route. The executor's log, messages and labels have
// nothing of them. (Variables do stand in the inspect text that TASK_RUNNING carries, as in stock.)
func TestSecrets(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const text = "hush, hush"
	secret := &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte(text)}}
	routes(t, h, func(t *testing.T, change ...func(*localagent.LaunchRequest)) {
		info := shell(t, `[ "$(cat /run/secrets/one)" = "$SECRET" ] && [ "$SECRET" = "$HOOK" ] && printf %s "$HOOK" | wc -c`)
		info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{Type: mesos.Volume_Source_SECRET, Secret: secret}, "/run/secrets/one")}
		info.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{
			{Name: "SECRET", Type: mesos.Environment_Variable_SECRET.Enum(), Secret: secret},
			{Name: "HOOK", Value: new("overridden")},
		}}
		change = append(change, func(r *localagent.LaunchRequest) {
			r.Args = append(slices.Clone(r.Args), fmt.Sprintf(`--task_environment={"HOOK": %q}`, text), "--logging_level=INFO")
		})
		k := h.launch(t, info, change...)
		k.finish(t)
		if got := strings.TrimSpace(k.output(t, "stdout")); got != fmt.Sprint(len(text)) {
			t.Errorf("stdout %q", got)
		}
		forms := []string{text, base64.StdEncoding.EncodeToString([]byte(text))}
		for _, form := range forms {
			if said := k.output(t, "stderr"); strings.Contains(said, form) {
				t.Errorf("the executor's log shows a secret:\n%s", said)
			}
			for _, status := range k.updates(t) {
				if strings.Contains(status.GetMessage(), form) {
					t.Errorf("a message shows a secret: %s", status.GetMessage())
				}
				if status.GetState() == mesos.TASK_RUNNING {
					for key, value := range inspected(t, status).Config.Labels {
						if strings.Contains(value, form) {
							t.Errorf("label %s shows a secret", key)
						}
					}
				}
			}
		}
	})
}

// A secret that only names its value cannot be had.
func TestSecretReference(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	reference := &mesos.Secret{Type: mesos.Secret_REFERENCE, Reference: &mesos.Secret_Reference{Name: "vault/key"}}
	info := shell(t, "true")
	info.Container.Volumes = []mesos.Volume{source(mesos.Volume_Source{Type: mesos.Volume_Source_SECRET, Secret: reference}, "/secret")}
	_, status := h.run(t, info)
	wantMessage(t, status, mesos.TASK_FAILED, "a secret of type REFERENCE cannot be resolved", "container.volumes[0].source.secret")
}
