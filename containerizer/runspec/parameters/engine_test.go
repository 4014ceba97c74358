package parameters

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

const (
	engineTimeout  = time.Minute
	generatedTasks = 40
)

// TestEngineTakesGeneratedTasks creates generated tasks on the real Engine, each by the typed path and by docker's parser.
// Both must be taken, and look alike under inspect, or be refused in the same words.
func TestEngineTakesGeneratedTasks(t *testing.T) {
	engine := environment.Engine(t)
	image := environment.Busybox(t)
	accepted := 0
	generated := rapid.Custom(func(t *rapid.T) runspec.Task { return drawTask(t) })
	for i := range generatedTasks {
		task := onThisHost(t, generated.Example(i), image)
		options := runspec.Options{Parameters: &inProcess{}, HostMemory: 8 << 30}
		typed, typedErr := createOnce(t, engine, task, options)
		docker := task.Info.Container.Docker
		docker.Parameters = append(docker.Parameters, mesos.Parameter{Key: "restart", Value: "no"})
		parsed, parsedErr := createOnce(t, engine, task, options)
		if typedErr != nil || parsedErr != nil {
			if fmt.Sprint(typedErr) != fmt.Sprint(parsedErr) {
				t.Errorf("task %d: typed: %v\nparsed: %v", i, typedErr, parsedErr)
			}
			if !namesTheCause(typedErr) {
				t.Errorf("task %d: refused without a word about the reason: %v", i, typedErr)
			}
			continue
		}
		accepted++
		if diff := cmp.Diff(parsed, typed); diff != "" {
			t.Errorf("task %d: inspect after docker's parser (-) and the typed path (+) differ:\n%s", i, diff)
		}
	}
	if accepted < generatedTasks/2 {
		t.Errorf("only %d of %d tasks were taken", accepted, generatedTasks)
	}
}

// namesTheCause knows what the Engine alone can find out about a task.
func namesTheCause(err error) bool {
	for _, text := range []string{"Duplicate mount point: ", "limits.mem"} {
		if strings.Contains(fmt.Sprint(err), text) {
			return true
		}
	}
	return false
}

// onThisHost moves the paths of a generated task into a directory of the test and leaves out what this host has not.
func onThisHost(t *testing.T, task runspec.Task, image string) runspec.Task {
	t.Helper()
	directory := t.TempDir()
	task.SandboxDirectory = directory + task.SandboxDirectory
	if err := os.MkdirAll(task.SandboxDirectory, 0o755); err != nil {
		t.Fatal(err)
	}
	info := task.Info.Container
	info.Docker.Image = image
	for i := range info.Volumes {
		volume := &info.Volumes[i]
		if volume.HostPath != nil && strings.HasPrefix(*volume.HostPath, "/") {
			volume.HostPath = pointer(directory + *volume.HostPath)
		}
		if source := volume.Source; source != nil {
			if source.HostPath != nil {
				source.HostPath.Path = directory + source.HostPath.Path
			}
			if source.DockerVolume != nil {
				source.DockerVolume.Driver = nil
				source.DockerVolume.Name = fmt.Sprintf("runspec-test-%d-%s", os.Getpid(), source.DockerVolume.Name)
				t.Cleanup(func() { removeVolume(t, source.DockerVolume.Name) })
			}
		}
	}
	task.Info.Resources = slices.DeleteFunc(task.Info.Resources, func(r mesos.Resource) bool { return r.Name == "gpus" })
	for i := range task.Info.Resources {
		if task.Info.Resources[i].Name == "cpus" {
			task.Info.Resources[i].Scalar.Value = min(task.Info.Resources[i].Scalar.Value, 1)
		}
	}
	task.Info.Limits = maps.Clone(task.Info.Limits)
	delete(task.Info.Limits, "cpus")
	return task
}

func removeVolume(t *testing.T, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), engineTimeout)
	defer cancel()
	engine, err := client.NewClientWithOpts(client.WithHost(environment.Host()), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Error(err)
		return
	}
	defer engine.Close()
	if err := engine.VolumeRemove(ctx, name, true); err != nil && !errdefs.IsNotFound(err) {
		t.Errorf("removing volume %s: %v", name, err)
	}
}

// createOnce creates a container and removes it again. It returns what of inspect is not made up anew each time.
func createOnce(t *testing.T, engine *client.Client, task runspec.Task, o runspec.Options) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), engineTimeout)
	defer cancel()
	spec, err := runspec.Translate(ctx, task, o)
	if err != nil {
		return "", err
	}
	if err := spec.PrepareHost(t.Context()); err != nil {
		return "", err
	}
	spec.Config.Labels[testimage.Label] = "runspec"
	name := fmt.Sprintf("runspec-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	response, err := engine.ContainerCreate(ctx, spec.Config, spec.HostConfig, spec.Networking, spec.Platform, name)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := engine.ContainerRemove(ctx, response.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Errorf("removing the container: %v", err)
		}
	}()
	inspect, err := engine.ContainerInspect(ctx, response.ID)
	if err != nil {
		return "", err
	}
	if inspect.Config.Hostname == response.ID[:12] {
		inspect.Config.Hostname = ""
	}
	slices.SortFunc(inspect.Mounts, func(a, b container.MountPoint) int { return strings.Compare(a.Destination, b.Destination) })
	text, err := json.MarshalIndent([]any{inspect.Config, inspect.HostConfig, inspect.Mounts, inspect.Path, inspect.Args}, "", " ")
	return string(text), err
}
