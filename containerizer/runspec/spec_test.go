package runspec_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

func TestWhatNobodyAsksFor(t *testing.T) {
	task := taskOf(infoOf(t, dockerTask(`, "force_pull_image": true, "privileged": true`, "", shellCommand)))
	spec := translate(t, task, runspec.Options{LogDriver: "local", LogOpts: map[string]string{"max-size": "1m"}})
	if spec.Name != testName || spec.Image != "busybox" || !spec.ForcePull || !spec.HostConfig.Privileged {
		t.Errorf("name %s, image %s, force pull %v, privileged %v", spec.Name, spec.Image, spec.ForcePull, spec.HostConfig.Privileged)
	}
	want := container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1m"}}
	if diff := cmp.Diff(want, spec.HostConfig.LogConfig); diff != "" {
		t.Errorf("log configuration (-want +got):\n%s", diff)
	}
	if spec.Config.Labels == nil {
		t.Error("there is no map of labels to add to")
	}
}

// TestSpecsAreApart proves that one spec can be changed without changing the next.
func TestSpecsAreApart(t *testing.T) {
	task := taskOf(infoOf(t, dockerTask("", "", shellCommand)))
	options := runspec.Options{LogDriver: "local", LogOpts: map[string]string{"max-size": "1m"}}
	first := translate(t, task, options)
	first.HostConfig.LogConfig.Config["max-size"] = "2m"
	first.Config.Labels["a"] = "b"
	*first.HostConfig.PidsLimit = 7
	second := translate(t, task, options)
	if second.HostConfig.LogConfig.Config["max-size"] != "1m" || len(second.Config.Labels) != 0 || *second.HostConfig.PidsLimit != 0 {
		t.Errorf("a spec shares memory with the one before: %+v", second.HostConfig)
	}
}

func TestOwnLabelsAreRefused(t *testing.T) {
	for _, value := range []string{engine.LabelPrefix + "instance=x", " " + engine.LabelPrefix + "task"} {
		info := infoOf(t, dockerTask(`, "parameters": [{"key": "label", "value": "`+value+`"}]`, "", shellCommand))
		wantFault(t, taskOf(info), runspec.Options{},
			"docker parameter label is refused: labels that begin with "+engine.LabelPrefix+" are the containerizer's own",
			`container.docker.parameters[0], key "label"`)
	}
}

// labelParser answers with a label that no rule saw.
type labelParser struct{}

func (labelParser) Parse(context.Context, runspec.ParseRequest) (runspec.ParseResult, error) {
	return runspec.ParseResult{
		Config:     &container.Config{Labels: map[string]string{engine.LabelPrefix + "x": ""}},
		HostConfig: &container.HostConfig{},
	}, nil
}

func TestOwnLabelsAreRefusedInTheResult(t *testing.T) {
	info := infoOf(t, dockerTask(`, "parameters": [{"key": "init", "value": "true"}]`, "", shellCommand))
	_, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{Parameters: labelParser{}})
	var fault *runspec.Error
	if !errors.As(err, &fault) || !strings.Contains(fault.Text, "is refused") {
		t.Errorf("error %v, want a refusal", err)
	}
}

// brokenParser does not work.
type brokenParser struct{}

var errBroken = errors.New("broken")

func (brokenParser) Parse(context.Context, runspec.ParseRequest) (runspec.ParseResult, error) {
	return runspec.ParseResult{}, errBroken
}

func TestParserThatDoesNotWork(t *testing.T) {
	info := infoOf(t, dockerTask(`, "parameters": [{"key": "init", "value": "true"}]`, "", shellCommand))
	for _, parser := range []runspec.ParameterParser{brokenParser{}, nil} {
		_, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{Parameters: parser})
		var fault *runspec.Error
		if err == nil || errors.As(err, &fault) {
			t.Errorf("parser %v: error %v, want one that is not the task's", parser, err)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	info := infoOf(t, dockerTask("", `, "volumes": [
		{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaP8A"}}}, "container_path": "/run//secret", "mode": "RO"}]`, shellCommand))
	wantFault(t, taskOf(info), runspec.Options{},
		`a secret cannot be mounted at "/run/secret" here: this way of running tasks has no secret volumes`, "container.volumes")
	spec := translate(t, taskOf(info), runspec.Options{CopiesFiles: true})
	archive, err := spec.FilesArchive()
	if err != nil {
		t.Fatal(err)
	}
	reader := tar.NewReader(archive)
	header, err := reader.Next()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(reader)
	if err != nil || header.Name != "run/secret" || header.Mode != 0o444 || string(data) != "hush\xff\x00" {
		t.Errorf("file %+v with %q, %v", header, data, err)
	}
	if _, err := reader.Next(); err != io.EOF {
		t.Errorf("there is more: %v", err)
	}
	none := translate(t, taskOf(infoOf(t, dockerTask("", "", shellCommand))), runspec.Options{})
	if archive, err := none.FilesArchive(); archive != nil || err != nil {
		t.Errorf("a task without files has an archive: %v, %v", archive, err)
	}
}

func TestLongValuesAreCutInErrors(t *testing.T) {
	info := infoOf(t, dockerTask("", "", shellCommand))
	info.Container.Docker.Image = strings.Repeat("ü", 1<<20)
	_, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{})
	if err == nil || len(err.Error()) > 4096 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

// TestMarathonExamples translates what Marathon makes of the apps in its documentation.
func TestMarathonExamples(t *testing.T) {
	refused := map[string]string{
		"07-privileged-parameters.json": "unknown flag: --lxc-conf",
		"10-path-executor.json":         "the task has no container",
	}
	files, err := filepath.Glob("../../config/marathon/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			task := taskOf(infoOf(t, string(exampleTask(t, data))))
			_, err = runspec.Translate(t.Context(), task, runspec.Options{Parameters: parameters.NewSubprocess()})
			want := refused[filepath.Base(file)]
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
}
