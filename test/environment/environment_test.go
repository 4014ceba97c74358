package environment

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/test/environment/report"
	"mesos-docker-containerizer/test/environment/testimage"
)

// run runs a container to its end and returns its exit code and output.
func run(t *testing.T, c container.Config) (code int64, stdout, stderr string) {
	t.Helper()
	engine, ctx := Engine(t), t.Context()
	c.Labels = map[string]string{testimage.Label: "1"}
	created, err := engine.ContainerCreate(ctx, &c, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer removeContainer(t, created.ID)
	ended, failed := engine.ContainerWait(ctx, created.ID, container.WaitConditionNextExit)
	if err := engine.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	case exit := <-ended:
		code = exit.StatusCode
	}
	logs, err := engine.ContainerLogs(ctx, created.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var out, errs bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errs, logs); err != nil {
		t.Fatal(err)
	}
	return code, out.String(), errs.String()
}

func removeContainer(t *testing.T, id string) {
	t.Helper()
	if err := Engine(t).ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		t.Error(err)
	}
}

func TestBusyboxHasAShell(t *testing.T) {
	code, stdout, stderr := run(t, container.Config{Image: Busybox(t), Cmd: []string{"sh", "-c", "echo to stdout; ls /nowhere; exit 7"}})
	if code != 7 || stdout != "to stdout\n" || !strings.Contains(stderr, "/nowhere") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestImageIsAsTheSpecSays(t *testing.T) {
	tag := Image(t, testimage.Spec{
		Entrypoint:   []string{"/bin/probe", "report"},
		Cmd:          []string{"/data/file", "/usr/bin/python3", "/tmp", "/usr/local/empty"},
		Env:          []string{"FROM_IMAGE=a=b"},
		Workdir:      "/srv/dir",
		User:         "app:extra",
		StopSignal:   "SIGUSR1",
		ExposedPorts: []string{"80/tcp", "53/udp"},
		Volumes:      []string{"/data/volume"},
		Labels:       map[string]string{"label": "value"},
		Files: map[string]testimage.File{
			"/data/file":       {Content: "content", Mode: 0o640, UID: 1000, GID: 2000},
			"/usr/bin/python3": {Link: "/bin/probe"},
		},
	})
	code, stdout, stderr := run(t, container.Config{Image: tag})
	var seen report.Report
	if err := json.Unmarshal([]byte(stdout), &seen); err != nil || code != 0 {
		t.Fatalf("%v, exit code %d, stdout %q, stderr %q", err, code, stdout, stderr)
	}
	if v, _ := seen.Getenv("FROM_IMAGE"); v != "a=b" {
		t.Errorf("FROM_IMAGE=%q", v)
	}
	if v, _ := seen.Getenv("PATH"); !strings.HasSuffix(v, ":/bin") {
		t.Errorf("PATH=%q", v)
	}
	if seen.Cwd != "/srv/dir" || seen.UID != 1000 || seen.GID != 2000 || len(seen.Errors) > 0 {
		t.Errorf("cwd %s, uid %d, gid %d, errors %v", seen.Cwd, seen.UID, seen.GID, seen.Errors)
	}
	want := report.File{Mode: "-rw-r-----", UID: 1000, GID: 2000, Size: 7, Content: "content", Writable: true}
	if diff := cmp.Diff(want, seen.Files["/data/file"]); diff != "" {
		t.Error(diff)
	}
	if f := seen.Files["/usr/bin/python3"]; f.Error != "" || f.Mode != "-rwxr-xr-x" {
		t.Errorf("link to the probe: %s %s", f.Mode, f.Error)
	}
	if f := seen.Files["/tmp"]; f.Mode != "dtrwxrwxrwx" {
		t.Errorf("/tmp: %+v", f)
	}
	if f := seen.Files["/usr/local/empty"]; f.Error == "" {
		t.Errorf("a path that nobody made: %+v", f)
	}
	if _, ok := seen.MountAt("/data/volume"); !ok {
		t.Error("the volume is not mounted")
	}

	inspect, err := Engine(t).ImageInspect(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	if c := inspect.Config; c.StopSignal != "SIGUSR1" || len(c.ExposedPorts) != 2 || c.Labels["label"] != "value" || c.Labels[testimage.Label] == "" {
		t.Errorf("configuration %+v", c)
	}
}

func TestEmptyImageHasNothing(t *testing.T) {
	engine := Engine(t)
	tag := Image(t, testimage.Spec{Empty: true, Cmd: []string{"/bin/sh"}})
	created, err := engine.ContainerCreate(t.Context(), &container.Config{Image: tag}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer removeContainer(t, created.ID)
	if err := engine.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err == nil {
		t.Error("a shell started in an empty image")
	}
}

func TestSameSpecSameImage(t *testing.T) {
	engine := Engine(t)
	spec := testimage.Spec{Cmd: []string{t.Name()}, Files: map[string]testimage.File{"/a/b": {Content: "1"}, "/a/c/d": {Content: "2"}}}
	tags := make([]string, 4)
	var all sync.WaitGroup
	for i := range tags {
		all.Go(func() { tags[i] = Image(t, spec) })
	}
	all.Wait()
	if same := slices.Compact(slices.Clone(tags)); len(same) != 1 {
		t.Errorf("tags %v", tags)
	}
	spec.Files["/a/b"] = testimage.File{Content: "other"}
	if other := Image(t, spec); other == tags[0] {
		t.Errorf("other content, same tag %s", other)
	}
	if _, err := engine.ImageInspect(t.Context(), tags[0]); err != nil {
		t.Error(err)
	}
}

func TestBuildAsLeavesOthersAlone(t *testing.T) {
	engine := Engine(t)
	removeImage := func(tag string) {
		if _, err := engine.ImageRemove(t.Context(), tag, image.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	}
	const tag = "mesos-docker-containerizer-test-named:1"
	for _, command := range []string{"first", "second"} { // our own tag can be moved
		if err := builder(t).BuildAs(t.Context(), tag, testimage.Spec{Cmd: []string{command}}); err != nil {
			t.Fatal(err)
		}
	}
	defer removeImage(tag)
	if named, err := engine.ImageInspect(t.Context(), tag); err != nil || !slices.Equal(named.Config.Cmd, []string{"second"}) {
		t.Errorf("%v, the tag names %+v", err, named.Config)
	}

	// An image without our label is not ours. A commit with the label emptied makes one.
	created, err := engine.ContainerCreate(t.Context(), &container.Config{Image: Busybox(t)}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer removeContainer(t, created.ID)
	foreign := "mesos-docker-containerizer-test-foreign:1"
	if _, err := engine.ContainerCommit(t.Context(), created.ID, container.CommitOptions{
		Reference: foreign,
		Config:    &container.Config{Labels: map[string]string{testimage.Label: ""}},
	}); err != nil {
		t.Fatal(err)
	}
	defer removeImage(foreign)
	if err := builder(t).BuildAs(t.Context(), foreign, testimage.Spec{}); !errors.Is(err, testimage.ErrTaken) {
		t.Errorf("BuildAs on a foreign image: %v", err)
	}
}
