package runspec_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
)

func TestNotADockerContainer(t *testing.T) {
	const task = `{"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}, "command": {"value": "true"}`
	tests := []struct{ name, info, text, field string }{
		{"no container", task + `}`, "the task has no container, and only Docker containers can be run here", "container"},
		{"no type", task + `, "container": {}}`, "no container type is given; it must be DOCKER", "container.type"},
		{"type MESOS", task + `, "container": {"type": "MESOS"}}`, "container type MESOS cannot be run here; it must be DOCKER", "container.type"},
		{"no docker info", task + `, "container": {"type": "DOCKER"}}`, "No docker info found in container info", "container.docker"},
		{"no image", task + `, "container": {"type": "DOCKER", "docker": {"image": ""}}}`, "no image is given", "container.docker.image"},
		{"a bad image", task + `, "container": {"type": "DOCKER", "docker": {"image": "--privileged"}}}`,
			`invalid reference format: "--privileged"`, "container.docker.image"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := mesos.TaskInfo{}
			if err := info.UnmarshalJSON([]byte(test.info)); err != nil {
				info = infoOf(t, task+`}`)
				info.Container = &mesos.ContainerInfo{}
			}
			wantFault(t, taskOf(info), runspec.Options{}, test.text, test.field)
		})
	}
}

const customExecutor = `, "executor": {"executor_id": {"value": "e"}, "type": "CUSTOM",
	"command": {"value": "./executor", "environment": {"variables": [{"name": "FROM", "value": "executor"}, {"name": "PORT0", "value": "31000"}]}}}`

// TestCustomExecutor is about tasks that cannot carry a command of their own.
func TestCustomExecutor(t *testing.T) {
	t.Run("command in data", func(t *testing.T) {
		info := infoOf(t, dockerTask("", "", customExecutor))
		info.Data = []byte(`{"command": {"shell": false, "arguments": ["a"], "environment": {"variables": [{"name": "FROM", "value": "data"}]}}}`)
		spec := translate(t, taskOf(info), runspec.Options{})
		if !slices.Equal(spec.Config.Cmd, []string{"a"}) || spec.Config.Entrypoint != nil {
			t.Errorf("command %q %q", spec.Config.Entrypoint, spec.Config.Cmd)
		}
		if !slices.Contains(spec.Config.Env, "FROM=data") || slices.Contains(spec.Config.Env, "PORT0=31000") {
			t.Errorf("environment %q", spec.Config.Env)
		}
	})
	t.Run("no data", func(t *testing.T) {
		spec := translate(t, taskOf(infoOf(t, dockerTask("", "", customExecutor))), runspec.Options{})
		if spec.Config.Cmd != nil || spec.Config.Entrypoint != nil || !slices.Contains(spec.Config.Env, "FROM=executor") {
			t.Errorf("command %q %q, environment %q", spec.Config.Entrypoint, spec.Config.Cmd, spec.Config.Env)
		}
	})
	t.Run("executor known from the subscription only", func(t *testing.T) {
		with := infoOf(t, dockerTask("", "", customExecutor))
		task := taskOf(infoOf(t, dockerTask("", "", "")))
		task.Executor = with.Executor
		if spec := translate(t, task, runspec.Options{}); !slices.Contains(spec.Config.Env, "FROM=executor") {
			t.Errorf("environment %q", spec.Config.Env)
		}
	})
	t.Run("a command task ignores the invented executor", func(t *testing.T) {
		task := taskOf(infoOf(t, dockerTask("", "", shellCommand)))
		task.Executor = infoOf(t, dockerTask("", "", customExecutor)).Executor
		if spec := translate(t, task, runspec.Options{}); slices.Contains(spec.Config.Env, "FROM=executor") {
			t.Errorf("environment %q", spec.Config.Env)
		}
	})
}

func TestContainerKey(t *testing.T) {
	const document = `{"container": {"type": "DOCKER", "docker": {"image": "nginx", "network": "BRIDGE"}},
		"command": {"value": "x", "environment": {"variables": [{"name": "FROM", "value": "document"}]}}}`
	bare := func() runspec.Task {
		return taskOf(infoOf(t, `{"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}`+customExecutor+`}`))
	}
	check := func(t *testing.T, task runspec.Task) {
		t.Helper()
		spec := translate(t, task, runspec.Options{})
		if spec.Image != "nginx" || spec.HostConfig.NetworkMode != "bridge" || !slices.Equal(spec.Config.Cmd, []string{"-c", "x"}) {
			t.Errorf("image %s, network %s, command %q", spec.Image, spec.HostConfig.NetworkMode, spec.Config.Cmd)
		}
		if !slices.Contains(spec.Config.Env, "FROM=document") || !slices.Contains(spec.Config.Env, "PORT0=31000") {
			t.Errorf("environment %q", spec.Config.Env)
		}
		for _, v := range spec.Config.Env {
			if strings.HasPrefix(v, runspec.ContainerKey) {
				t.Errorf("the document reached the container: %s", v)
			}
		}
	}
	value := document
	t.Run("label", func(t *testing.T) {
		task := bare()
		task.Info.Labels = &mesos.Labels{Labels: []mesos.Label{{Key: runspec.ContainerKey, Value: &value}}}
		check(t, task)
	})
	t.Run("variable", func(t *testing.T) {
		task := bare()
		environment := task.Info.Executor.Command.Environment
		environment.Variables = append(environment.Variables, mesos.Environment_Variable{Name: runspec.ContainerKey, Value: &value})
		check(t, task)
	})
}

// Mistakes in a document under ContainerKey are named by their place in the TaskInfo.
func TestMistakesUnderContainerKey(t *testing.T) {
	for _, test := range []struct{ document, text, field string }{
		{`{"container": {"type": "DOCKER", "docker": {"image": "x", "network": "BRIDGED"}}}`,
			`expected {"container": ContainerInfo, "command": CommandInfo} as JSON: /container/docker/network: expected a name of ContainerInfo.DockerInfo.Network`, "labels.DOCKER_CONTAINER"},
		{`{"container": {"type": "DOCKER", "docker": {"image": "x", "port_mappings": [{"host_port": -1, "container_port": 80}]}}}`,
			`expected {"container": ContainerInfo, "command": CommandInfo} as JSON: /container/docker/port_mappings/0/host_port: expected a whole number of 0 or more that fits into 32 bits`, "labels.DOCKER_CONTAINER"},
		{`{"container": {"docker": {"image": "x"}}}`, "no container type is given; it must be DOCKER", "labels.DOCKER_CONTAINER.container.type"},
		{`{"container": {"type": "DOCKER", "docker": {"image": ""}}}`, "no image is given", "labels.DOCKER_CONTAINER.container.docker.image"},
		{`{"container": {"type": "DOCKER", "docker": {"image": "x"}, "volumes": [{"container_path": "/x", "mode": "RW"}]}}`,
			"Host path or volume source is required", "labels.DOCKER_CONTAINER.container.volumes[0]"},
		{`{"container": {"type": "DOCKER", "docker": {"image": "x"}}, "command": {"shell": true}}`,
			"Shell specified but no command value provided", "labels.DOCKER_CONTAINER.command"},
		{`{}`, "the task has no container, and only Docker containers can be run here", "labels.DOCKER_CONTAINER.container"},
	} {
		task := taskOf(infoOf(t, `{"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}`+customExecutor+`}`))
		task.Info.Labels = &mesos.Labels{Labels: []mesos.Label{{Key: runspec.ContainerKey, Value: &test.document}}}
		wantFault(t, task, runspec.Options{}, test.text, test.field)
	}
}

// A container that belongs to the executor makes an agent start the executor inside it. Only a stand-in for the agent gets here.
func TestContainerOfTheExecutor(t *testing.T) {
	task := taskOf(infoOf(t, `{"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}`+customExecutor+`}`))
	task.Info.Executor.Container = infoOf(t, dockerTask("", "", "")).Container
	_, err := runspec.Translate(t.Context(), task, runspec.Options{})
	var fault *runspec.Error
	if !errors.As(err, &fault) || fault.Field != "executor.container" || !strings.Contains(fault.Text, runspec.ContainerKey) {
		t.Errorf("%v", err)
	}
}

func TestStrictDocuments(t *testing.T) {
	tests := []struct{ data, want string }{
		{`{"comand": {}}`, `/comand: unknown key`},
		{`{"command": {"value": "x", "enviroment": {}}}`, `/command/enviroment: CommandInfo has no such field`},
		{`{"command": {"environment": {"variables": [{"name": "A", "vale": "hush"}]}}}`, `/command/environment/variables/0/vale: Environment.Variable has no such field`},
		{`{"command": `, `unexpected end of JSON input`},
		{`[]`, `expected an object`},
		{`{"command": {"environment": {"variables": [{"name": "A", "type": "SECRETIVE", "value": "hush"}]}}}`,
			`/command/environment/variables/0/type: expected a name of Environment.Variable.Type`},
		{`{"command": {"arguments": "hush"}}`, `/command/arguments: expected a list`},
		{`{"command": {"arguments": ["a", ["hush"]]}}`, `/command/arguments/1: expected text`},
		{`{"command": {"environment": "hush"}}`, `/command/environment: expected an object`},
		{`{"command": {"shell": "hush"}}`, `/command/shell: expected true or false`},
		{`{"command": {"environment": {"variables": [{"name": "A", "secret": {"type": "VALUE", "value": {"data": "%hush"}}}]}}}`,
			`/command/environment/variables/0/secret/value/data: expected text in base64`},
		{`{"command": {"value": "x", "uris": [{"value": "http://example.com/hush"}]}}`, `the agent does not see these`},
		{`{} {}`, `invalid character '{' after top-level value`},
	}
	for _, test := range tests {
		info := infoOf(t, dockerTask("", "", customExecutor))
		info.Data = []byte(test.data)
		_, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{})
		var fault *runspec.Error
		if !errors.As(err, &fault) || !strings.HasPrefix(fault.Field, "data") || !strings.Contains(fault.Text, test.want) {
			t.Errorf("data %s: error %v, want %q", test.data, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("data %s: the error repeats a value: %v", test.data, err)
		}
	}
}
