package containerizer

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// withPolicy puts a policy on a host.
func withPolicy(t *testing.T, o policy.Options) func(*Options) {
	t.Helper()
	p, err := policy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return func(options *Options) { options.Policy = p }
}

func parameter(key, value string) mesos.Parameter { return mesos.Parameter{Key: key, Value: value} }

// TestPolicyRefusesWhateverTheWay puts host paths behind a volume, a container and a symlink, on the real Engine.
func TestPolicyRefusesWhateverTheWay(t *testing.T) {
	secret := t.TempDir()
	source := "/etc/mesos-docker-containerizer/allowed_host_paths"
	h := newHost(t, withPolicy(t, policy.Options{Allowed: map[string]policy.Rule{"allowed_host_paths": {Source: source, Items: []string{"none"}}}}))
	ctx := context.Background()
	tag := environment.Probe(t)

	const name = "policy-test-bind-volume"
	if _, err := h.docker.VolumeCreate(ctx, volume.CreateOptions{Name: name, Driver: "local",
		DriverOpts: map[string]string{"type": "none", "o": "bind", "device": secret}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.docker.VolumeRemove(context.Background(), name, true) })
	const holder = "policy-test-holder"
	if _, err := h.docker.ContainerCreate(ctx, &container.Config{Image: tag}, &container.HostConfig{Binds: []string{secret + ":/secret"}}, nil, nil, holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.docker.ContainerRemove(context.Background(), holder, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})

	for _, tt := range []struct {
		name, field string
		change      func(task *mesos.TaskInfo, sandbox string)
	}{
		{"volume of the task", "HostConfig.Binds", func(task *mesos.TaskInfo, _ string) {
			task.Container.Volumes = []mesos.Volume{{ContainerPath: "/x", HostPath: &secret, Mode: mesos.RO.Enum()}}
		}},
		{"parameter volume", "HostConfig.Binds", with(parameter("volume", secret+":/x:ro"))},
		{"parameter volume in its key", "HostConfig.Binds", with(parameter("volume="+secret+":/x", ""))},
		{"parameter mount", "HostConfig.Mounts", with(parameter("mount", "type=bind,src="+secret+",dst=/x"))},
		{"new volume that is a bind mount", "HostConfig.Mounts", with(parameter("mount", "type=volume,src=policy-test-never,dst=/x,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device="+secret))},
		{"named volume that is a bind mount", "HostConfig.Binds", with(parameter("volume", name+":/x"))},
		{"named volume in a mount", "HostConfig.Mounts", with(parameter("mount", "type=volume,src="+name+",dst=/x"))},
		{"volumes-from", "HostConfig.VolumesFrom", with(parameter("volumes-from", holder+":ro"))},
		{"privileged", "HostConfig.Privileged", with(parameter("privileged", "true"))},
		{"symlink in the sandbox", "HostConfig.Binds", func(task *mesos.TaskInfo, sandbox string) {
			if err := os.Symlink(secret, filepath.Join(sandbox, "link")); err != nil {
				t.Fatal(err)
			}
			with(parameter("volume", "./link:/x"))(task, sandbox)
		}},
		{"symlink to a file in the sandbox", "HostConfig.Binds", func(task *mesos.TaskInfo, sandbox string) {
			if err := os.Symlink("/var/run/docker.sock", filepath.Join(sandbox, "socket")); err != nil {
				t.Fatal(err)
			}
			with(parameter("volume", filepath.Join(sandbox, "socket")+":/x"))(task, sandbox)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := *h
			h.t = t
			e := h.newExecutor()
			task := dockerTask(t, tag, "echo started")
			tt.change(&task, e.attach.Sandbox)
			e.launch(task)
			exit := e.awaitExit()
			if exit.Outcome != wire.OutcomeFailed || exit.Fault != wire.FaultTask {
				t.Errorf("outcome %s, fault %s: %s", exit.Outcome, exit.Fault, exit.Message)
			}
			mustName(t, exit.Message, tt.field, "allowed_host_paths", source)
			e.done()
		})
	}
	if list := h.containers(); len(list) != 0 {
		t.Errorf("containers were created: %v", list)
	}
}

func with(parameters ...mesos.Parameter) func(*mesos.TaskInfo, string) {
	return func(task *mesos.TaskInfo, _ string) { task.Container.Docker.Parameters = parameters }
}

// TestPolicyIsAskedFirst refuses an image before it is pulled, and a path before it is made.
func TestPolicyIsAskedFirst(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "with:colon")
	h := newHost(t, withPolicy(t, policy.Options{Allowed: map[string]policy.Rule{
		"allowed_images":     {Source: "allowed-images-file", Items: []string{"registry.example/*"}},
		"allowed_host_paths": {Source: "allowed-paths-file", Items: []string{"none"}},
	}}))
	refused := func(name string, change func(*mesos.TaskInfo), words ...string) {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			e := h.newExecutor()
			task := dockerTask(t, "registry.example/app", "true")
			change(&task)
			e.launch(task)
			mustName(t, e.awaitExit().Message, words...)
			e.done()
		})
	}
	refused("image", func(task *mesos.TaskInfo) {
		force := true
		task.Container.Docker.Image, task.Container.Docker.ForcePullImage = "other.invalid/app:1", &force
	}, `"other.invalid/app:1"`, "allowed_images", "allowed-images-file")
	refused("path", func(task *mesos.TaskInfo) {
		task.Container.Volumes = []mesos.Volume{{ContainerPath: "/x", HostPath: &missing, Mode: mesos.RW.Enum()}}
	}, "with:colon", "allowed_host_paths", "allowed-paths-file")
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("a path that is not allowed was made: %v", err)
	}
}

// TestPolicyLetsTheSandboxBe runs an ordinary task under the strictest policy.
func TestPolicyLetsTheSandboxBe(t *testing.T) {
	none := policy.Rule{Source: "file", Items: []string{"none"}}
	h := newHost(t, withPolicy(t, policy.Options{
		AllowPrivileged: policy.Switch{Source: "file"},
		Allowed: map[string]policy.Rule{
			"allowed_host_paths": none, "allowed_networks": none, "allowed_capabilities": none, "allowed_devices": none,
			"allowed_namespaces": none, "allowed_volume_drivers": none, "allowed_runtimes": none,
			"allowed_parameters": {Source: "file", Items: []string{"label", "volume"}},
			"allowed_images":     {Source: "file", Items: []string{"docker.io/library/*"}},
		},
		LogDriver: "local",
	}))
	e := h.newExecutor()
	task := dockerTask(t, environment.Probe(t), "echo started")
	task.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_NONE.Enum()
	with(parameter("label", "a=b"), parameter("volume", "./data:/data"))(&task, "")
	e.launch(task)
	e.awaitRunning()
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeExited || exit.Code != 0 {
		t.Errorf("%+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}
