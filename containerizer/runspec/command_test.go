package runspec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
)

// TestCommand is contract 2.7, row by row.
func TestCommand(t *testing.T) {
	tests := []struct {
		name       string
		command    string
		entrypoint []string
		cmd        []string
	}{
		{"shell is the default", `{"value": "echo $A | wc"}`, []string{"/bin/sh"}, []string{"-c", "echo $A | wc"}},
		{"shell ignores arguments", `{"shell": true, "value": "x", "arguments": ["y"]}`, []string{"/bin/sh"}, []string{"-c", "x"}},
		{"an empty value is a value", `{"value": ""}`, []string{"/bin/sh"}, []string{"-c", ""}},
		{"value without shell", `{"shell": false, "value": "run me"}`, nil, []string{"run me"}},
		{"arguments without shell", `{"shell": false, "arguments": ["-a", "--", ""]}`, nil, []string{"-a", "--", ""}},
		{"value and arguments", `{"shell": false, "value": "v", "arguments": ["a"]}`, nil, []string{"v", "a"}},
		{"nothing", `{"shell": false}`, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := translate(t, taskOf(infoOf(t, dockerTask("", "", `, "command": `+test.command))), runspec.Options{})
			if diff := cmp.Diff(test.entrypoint, []string(spec.Config.Entrypoint)); diff != "" {
				t.Errorf("entrypoint (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.cmd, []string(spec.Config.Cmd)); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			if spec.Config.WorkingDir != "" {
				t.Errorf("working directory %q, want the image's", spec.Config.WorkingDir)
			}
		})
	}
}

func TestShellWithoutValue(t *testing.T) {
	const text = "Shell specified but no command value provided"
	for _, command := range []string{`{}`, `{"shell": true, "arguments": ["a"]}`} {
		wantFault(t, taskOf(infoOf(t, dockerTask("", "", `, "command": `+command))), runspec.Options{}, text, "command")
	}
}

func TestCommandUser(t *testing.T) {
	task := taskOf(infoOf(t, dockerTask("", "", `, "command": {"value": "x", "user": "app"}`)))
	if spec := translate(t, task, runspec.Options{}); spec.Config.User != "" {
		t.Errorf("user %q, want the image's", spec.Config.User)
	}
	if spec := translate(t, task, runspec.Options{HonorCommandUser: true}); spec.Config.User != "app" {
		t.Errorf("user %q, want app", spec.Config.User)
	}
}

func TestTextsThatCannotBeCarried(t *testing.T) {
	const notText = "it is not valid UTF-8, and the Engine API carries nothing else"
	const nul = "a NUL character cannot be part of it"
	for _, test := range []struct{ value, text string }{{"a\x00b", nul}, {"a\xffb", notText}} {
		info := infoOf(t, dockerTask("", "", shellCommand))
		info.Command.Value = &test.value
		wantFault(t, taskOf(info), runspec.Options{}, test.text, "command.value")
	}
}

// TestEnvironment is contract 2.3: layers, duplicates, order, values to the letter.
func TestEnvironment(t *testing.T) {
	task := taskOf(infoOf(t, dockerTask("", "", `, "resources": [
			{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "allocation_info": {"role": "web"}},
			{"name": "mem", "type": "SCALAR", "scalar": {"value": 1}, "allocation_info": {"role": "*"}}],
		"command": {"value": "true", "environment": {"variables": [
			{"name": "Z", "value": "first"}, {"name": "Z", "value": "last"},
			{"name": "EQUALS", "value": "a=b=c"}, {"name": "LINES", "value": "one\ntwo\n"}, {"name": "EMPTY", "value": ""},
			{"name": "HOOKED", "value": "from the task"}, {"name": "MESOS_SANDBOX", "value": "/mine"},
			{"name": "S", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaA=="}}}]}}`)))
	task.Environment = map[string]string{"HOOKED": "from a hook", "HOOK": "x", "MESOS_CONTAINER_NAME": "mine"}
	spec := translate(t, task, runspec.Options{})
	want := []string{
		"EMPTY=", "EQUALS=a=b=c", "HOOK=x", "HOOKED=from a hook", "LINES=one\ntwo\n",
		"MESOS_ALLOCATION_ROLE=web", "MESOS_CONTAINER_NAME=" + testName, "MESOS_SANDBOX=" + testMapped, "S=hush", "Z=last",
	}
	if diff := cmp.Diff(want, spec.Config.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestNoRole(t *testing.T) {
	spec := translate(t, taskOf(infoOf(t, dockerTask("", "", shellCommand))), runspec.Options{})
	want := []string{"MESOS_ALLOCATION_ROLE=", "MESOS_CONTAINER_NAME=" + testName, "MESOS_SANDBOX=" + testMapped}
	if diff := cmp.Diff(want, spec.Config.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestEnvironmentThatFails(t *testing.T) {
	const field = "command.environment"
	value := mesos.Secret_VALUE
	hush := func(data string) mesos.Environment_Variable {
		return mesos.Environment_Variable{Name: "S", Type: mesos.Environment_Variable_SECRET.Enum(),
			Secret: &mesos.Secret{Type: value, Value: &mesos.Secret_Value{Data: []byte(data)}}}
	}
	text := func(s string) *string { return &s }
	tests := []struct {
		name        string
		variable    mesos.Environment_Variable
		text, field string
	}{
		{"no name", mesos.Environment_Variable{Value: text("hush")}, "a variable has no name", field + ".variables[0].name"},
		{"a reference", mesos.Environment_Variable{Name: "S", Type: mesos.Environment_Variable_SECRET.Enum(),
			Secret: &mesos.Secret{Type: mesos.Secret_REFERENCE, Reference: &mesos.Secret_Reference{Name: "n"}}},
			"a secret of type REFERENCE cannot be resolved outside the agent; use type VALUE", field + ".S"},
		{"no secret", mesos.Environment_Variable{Name: "S", Type: mesos.Environment_Variable_SECRET.Enum()}, "the secret is missing", field + ".S"},
		{"no value", mesos.Environment_Variable{Name: "S", Type: mesos.Environment_Variable_SECRET.Enum(), Secret: &mesos.Secret{Type: value}},
			"the secret has no value; it must be of type VALUE", field + ".S"},
		{"a binary secret", hush("hush\xff"), "it is not valid UTF-8, and the Engine API carries nothing else", field + ".S"},
		{"a NUL", mesos.Environment_Variable{Name: "A", Value: text("hush\x00")}, "a NUL character cannot be part of it", field + ".A"},
		{"a bad name", mesos.Environment_Variable{Name: "A\x00", Value: text("hush")}, "a NUL character cannot be part of it",
			field + " (the name of a variable)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := infoOf(t, dockerTask("", "", shellCommand))
			info.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{test.variable}}
			wantFault(t, taskOf(info), runspec.Options{}, test.text, test.field)
			if _, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{}); strings.Contains(err.Error(), "hush") {
				t.Errorf("the error repeats the value: %v", err)
			}
		})
	}
}
