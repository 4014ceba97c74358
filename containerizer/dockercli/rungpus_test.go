package dockercli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/gpu"
)

// Containers of executors get GPUs as tasks do: by name, and none that another container has. The Engine here cannot give any, so a start
// with one fails.
func TestRunWithGPUs(t *testing.T) {
	driver, programs := t.TempDir(), t.TempDir()
	for path, content := range map[string]string{
		driver + "/0000:01:00.0/information":        "GPU UUID: GPU-a\nDevice Minor: 0\n",
		programs + "/nvidia-container-runtime-hook": "#!/bin/true\n", // by which the Engine would give NVIDIA's
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	d, b := newRunner(t, func(o *Options) { o.GPUs = gpu.NewBook(o.Engine, driver, o.Logger) })
	holder, name := b.named(), b.named()
	b.create(holder, "true", func(_ *container.Config, h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Driver: "nvidia", DeviceIDs: []string{"0"}, Capabilities: [][]string{{"gpu"}}}}
	})
	for _, option := range []string{"--gpus=1", "--gpus=all", "--gpus=device=GPU-a", "--device=/dev/nvidia0"} {
		got := answer(t.Context(), d, "run", option, "--name", name, b.image, "true")
		if got.Status != statusUsage || !strings.Contains(got.Stderr, "GPU-a is held by container "+holder) || b.state(name) != "absent" {
			t.Errorf("%s: %+v, the container is %s", option, got, b.state(name))
		}
	}
	b.remove(holder)
	got := answer(t.Context(), d, "run", "--gpus=1", "--name", name, b.image, "true")
	if got.Status != statusUsage || !strings.Contains(got.Stderr, "nvidia") {
		t.Errorf("%+v", got)
	}
	created, err := b.api.ContainerInspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	want := []container.DeviceRequest{{Driver: "nvidia", DeviceIDs: []string{"GPU-a"}, Capabilities: [][]string{{"gpu"}}, Options: map[string]string{}}}
	if diff := cmp.Diff(want, created.HostConfig.DeviceRequests); diff != "" {
		t.Error(diff)
	}
}
