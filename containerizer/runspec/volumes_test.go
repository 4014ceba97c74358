package runspec_test

import (
	"strconv"
	"testing"

	"github.com/docker/docker/api/types/mount"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
)

const sandboxBind = testSandbox + ":" + testMapped

// TestBinds is contract 2.4, row by row, and what we add to it.
func TestBinds(t *testing.T) {
	tests := []struct {
		name, docker, volumes string
		binds                 []string
		driver                string
	}{
		{"none", "", "", nil, ""},
		{"absolute", "", `{"host_path": "/a b", "container_path": "/ü", "mode": "RO"}, {"host_path": "/c", "container_path": "/d", "mode": "RW"}`,
			[]string{"/a b:/ü:ro", "/c:/d:rw"}, ""},
		{"the same twice", "", `{"host_path": "/c", "container_path": "/d", "mode": "RW"}, {"host_path": "/c", "container_path": "/d", "mode": "RW"}`,
			[]string{"/c:/d:rw"}, ""},
		{"relative container path", "", `{"host_path": "/a", "container_path": "b/c", "mode": "RW"}`, []string{"/a:" + testMapped + "/b/c:rw"}, ""},
		{"relative host path", "", `{"host_path": "data", "container_path": "/b", "mode": "RW"}`, []string{testSandbox + "/data:/b:rw"}, ""},
		{"a named volume", `, "volume_driver": "rexray"`, `{"host_path": "vol", "container_path": "/b", "mode": "RO"}`, []string{"vol:/b:ro"}, "rexray"},
		{"a docker volume", "", `{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "vol", "driver": "rexray"}}, "container_path": "b", "mode": "RW"}`,
			[]string{"vol:" + testMapped + "/b:rw"}, "rexray"},
		{"a docker volume without driver", "", `{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "vol"}}, "container_path": "/b", "mode": "RW"}`,
			[]string{"vol:/b:rw"}, ""},
		{"one driver named twice", `, "volume_driver": "rexray"`,
			`{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "v1", "driver": "rexray"}}, "container_path": "/b", "mode": "RW"},
			 {"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "v2", "driver": "rexray"}}, "container_path": "/c", "mode": "RW"}`,
			[]string{"v1:/b:rw", "v2:/c:rw"}, "rexray"},
		{"a host path source", "", `{"source": {"type": "HOST_PATH", "host_path": {"path": "/a"}}, "container_path": "/b", "mode": "RO"}`,
			[]string{"/a:/b:ro"}, ""},
		{"propagation to the container", "",
			`{"source": {"type": "HOST_PATH", "host_path": {"path": "/a", "mount_propagation": {"mode": "HOST_TO_CONTAINER"}}}, "container_path": "/b", "mode": "RO"}`,
			[]string{"/a:/b:ro,rslave"}, ""},
		{"propagation both ways", "",
			`{"source": {"type": "HOST_PATH", "host_path": {"path": "/a", "mount_propagation": {"mode": "BIDIRECTIONAL"}}}, "container_path": "/b", "mode": "RW"}`,
			[]string{"/a:/b:rw,rshared"}, ""},
		{"a sandbox path", "", `{"source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "d"}}, "container_path": "/b", "mode": "RW"}`,
			[]string{testSandbox + "/d:/b:rw"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := infoOf(t, dockerTask(test.docker, `, "volumes": [`+test.volumes+`]`, shellCommand))
			host := translate(t, taskOf(info), runspec.Options{}).HostConfig
			if diff := cmp.Diff(append(test.binds, sandboxBind), host.Binds); diff != "" {
				t.Errorf("binds (-want +got):\n%s", diff)
			}
			if host.VolumeDriver != test.driver {
				t.Errorf("volume driver %q, want %q", host.VolumeDriver, test.driver)
			}
			if host.Mounts != nil {
				t.Errorf("mounts %+v, want none", host.Mounts)
			}
		})
	}
}

// TestMounts is about what docker's notation with colons cannot say.
func TestMounts(t *testing.T) {
	tests := []struct {
		name, volumes string
		want          mount.Mount
	}{
		{"a colon in the host path", `{"host_path": "/a:b", "container_path": "/c", "mode": "RO"}`,
			mount.Mount{Type: mount.TypeBind, Source: "/a:b", Target: "/c", ReadOnly: true, BindOptions: &mount.BindOptions{CreateMountpoint: true}}},
		{"a colon in the container path",
			`{"source": {"type": "HOST_PATH", "host_path": {"path": "/a", "mount_propagation": {"mode": "BIDIRECTIONAL"}}}, "container_path": "/b:c", "mode": "RW"}`,
			mount.Mount{Type: mount.TypeBind, Source: "/a", Target: "/b:c",
				BindOptions: &mount.BindOptions{CreateMountpoint: true, Propagation: mount.PropagationRShared}}},
		{"driver options",
			`{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "v", "driver": "local",
				"driver_options": {"parameter": [{"key": "type", "value": "tmpfs"}]}}}, "container_path": "/b", "mode": "RO"}`,
			mount.Mount{Type: mount.TypeVolume, Source: "v", Target: "/b", ReadOnly: true,
				VolumeOptions: &mount.VolumeOptions{DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{"type": "tmpfs"}}}}},
		{"a docker volume at a path with a colon",
			`{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "v"}}, "container_path": "/b:c", "mode": "RW"}`,
			mount.Mount{Type: mount.TypeVolume, Source: "v", Target: "/b:c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := translate(t, taskOf(infoOf(t, dockerTask("", `, "volumes": [`+test.volumes+`]`, shellCommand))), runspec.Options{}).HostConfig
			if diff := cmp.Diff([]mount.Mount{test.want}, host.Mounts); diff != "" {
				t.Errorf("mounts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{sandboxBind}, host.Binds); diff != "" {
				t.Errorf("binds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSandboxWithColon(t *testing.T) {
	task := taskOf(infoOf(t, dockerTask("", "", shellCommand)))
	task.SandboxDirectory = "/work/t:1"
	spec := translate(t, task, runspec.Options{})
	want := []mount.Mount{{Type: mount.TypeBind, Source: "/work/t:1", Target: testMapped, BindOptions: &mount.BindOptions{CreateMountpoint: true}}}
	if diff := cmp.Diff(want, spec.HostConfig.Mounts); diff != "" || spec.HostConfig.Binds != nil {
		t.Errorf("binds %q, mounts (-want +got):\n%s", spec.HostConfig.Binds, diff)
	}
}

func TestSandboxThatIsNotAbsolute(t *testing.T) {
	for _, change := range []func(*runspec.Task){
		func(task *runspec.Task) { task.SandboxDirectory = "" },
		func(task *runspec.Task) { task.MappedDirectory = "sandbox" },
	} {
		task := taskOf(infoOf(t, dockerTask("", "", shellCommand)))
		change(&task)
		if _, err := runspec.Translate(t.Context(), task, runspec.Options{}); err == nil {
			t.Errorf("%+v was accepted", task)
		}
	}
}

func TestVolumesThatFail(t *testing.T) {
	const field = "container.volumes[0]"
	docker := func(name, driver string) string {
		return `{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "` + name + `", "driver": "` + driver + `"}}, "container_path": "/b", "mode": "RW"}`
	}
	tests := []struct{ name, docker, volumes, text, field string }{
		{"nothing", "", `{"container_path": "/a", "mode": "RW"}`, "Host path or volume source is required", field},
		{"an image", "", `{"container_path": "/a", "mode": "RW", "image": {"type": "DOCKER", "docker": {"name": "x"}}}`, "Host path or volume source is required", field},
		{"both relative", "", `{"host_path": "a", "container_path": "b", "mode": "RW"}`,
			"Both host_path 'a' and container_path 'b' of a volume are relative", field},
		{"two drivers", "", docker("v", "one") + ", " + docker("w", "two"), "Only one volume driver is supported",
			"container.volumes[1].source.docker_volume.driver"},
		{"driver of the task", `, "volume_driver": "two"`, docker("v", "one"), "Only one volume driver per task is supported", "container.docker.volume_driver"},
		{"no container path", "", `{"host_path": "/a", "container_path": "", "mode": "RW"}`, "no container path is given", field + ".container_path"},
		{"leaving the sandbox", "", `{"host_path": "x/../../etc", "container_path": "/a", "mode": "RW"}`, `"x/../../etc" leaves the sandbox`, field + ".host_path"},
		{"a sandbox path that leaves", "",
			`{"source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": ".."}}, "container_path": "/b", "mode": "RW"}`,
			`".." leaves the sandbox`, field + ".source.sandbox_path.path"},
		{"an absolute sandbox path", "",
			`{"source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "/etc"}}, "container_path": "/b", "mode": "RW"}`,
			`"/etc" is not relative to the sandbox`, field + ".source.sandbox_path.path"},
		{"the parent's sandbox", "",
			`{"source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "x"}}, "container_path": "/b", "mode": "RW"}`,
			"PARENT is for nested containers, and a Docker container has no parent", field + ".source.sandbox_path.type"},
		{"a relative host path source", "", `{"source": {"type": "HOST_PATH", "host_path": {"path": "a"}}, "container_path": "/b", "mode": "RW"}`,
			`host path "a" is not absolute`, field + ".source.host_path.path"},
		{"a volume name with a colon", "", docker("a:b", "one"), `the name of a volume cannot hold a colon: "a:b"`, field + ".source.docker_volume.name"},
		{"no volume name", "", docker("", "one"), "no volume name is given", field + ".source.docker_volume.name"},
		{"a source without type", "", `{"source": {}, "container_path": "/b", "mode": "RW"}`,
			"volume source type UNKNOWN cannot be mounted by Docker; use DOCKER_VOLUME, HOST_PATH, SANDBOX_PATH or SECRET", field + ".source.type"},
		{"a secret reference", "",
			`{"source": {"type": "SECRET", "secret": {"type": "REFERENCE", "reference": {"name": "x"}}}, "container_path": "/b", "mode": "RO"}`,
			"a secret of type REFERENCE cannot be resolved outside the agent; use type VALUE", field + ".source.secret"},
		{"a secret in the sandbox", "",
			`{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaA=="}}}, "container_path": "b", "mode": "RO"}`,
			`container_path "b" of a secret is relative: the secret would lie in the sandbox, which the agent serves to readers`, field + ".source"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := infoOf(t, dockerTask(test.docker, `, "volumes": [`+test.volumes+`]`, shellCommand))
			wantFault(t, taskOf(info), runspec.Options{}, test.text, test.field)
		})
	}
}

// TestDriverOfMountedVolumes proves that a volume which no bind can express has the task's driver all the same.
func TestDriverOfMountedVolumes(t *testing.T) {
	volumes := `, "volumes": [
		{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "a"}}, "container_path": "/x:y", "mode": "RW"},
		{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "b", "driver_options": {"parameter": [{"key": "k", "value": "v"}]}}},
		 "container_path": "/b", "mode": "RW"},
		{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "c", "driver": "rexray"}}, "container_path": "/c", "mode": "RW"}]`
	spec := translate(t, taskOf(infoOf(t, dockerTask("", volumes, shellCommand))), runspec.Options{})
	if len(spec.HostConfig.Mounts) != 2 {
		t.Fatalf("mounts %+v", spec.HostConfig.Mounts)
	}
	for _, m := range spec.HostConfig.Mounts {
		if m.VolumeOptions == nil || m.VolumeOptions.DriverConfig == nil || m.VolumeOptions.DriverConfig.Name != "rexray" {
			t.Errorf("volume %s is not one of rexray's: %+v", m.Source, m.VolumeOptions)
		}
	}
	if spec.HostConfig.VolumeDriver != "rexray" {
		t.Errorf("driver of binds %q", spec.HostConfig.VolumeDriver)
	}
}

// TestVolumeNamesAreNoPaths proves that a name never becomes a path of the host, by which way it may be read.
func TestVolumeNamesAreNoPaths(t *testing.T) {
	for _, name := range []string{"../up", ".", "./a", ".hidden"} {
		for _, parameter := range []string{"", `, "parameters": [{"key": "init", "value": "true"}]`} {
			text := "the name of a volume cannot begin with a dot: " + strconv.Quote(name)
			info := infoOf(t, dockerTask(parameter+`, "volume_driver": "d"`, `, "volumes": [{"host_path": "`+name+`", "container_path": "/x", "mode": "RW"}]`, shellCommand))
			wantFault(t, taskOf(info), runspec.Options{}, text, "container.volumes[0].host_path")
			info = infoOf(t, dockerTask(parameter, `, "volumes": [{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "`+name+`"}},
				"container_path": "/x", "mode": "RW"}]`, shellCommand))
			wantFault(t, taskOf(info), runspec.Options{}, text, "container.volumes[0].source.docker_volume.name")
		}
	}
}
