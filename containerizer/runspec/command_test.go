package runspec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
