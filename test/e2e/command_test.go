package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// Contract 2.7, by the argv that the process in the container has.
func TestCommand(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	entrypoint := environment.Image(t, testimage.Spec{
		Entrypoint: []string{"/bin/probe", "report"}, Cmd: []string{"/from", "cmd"}, Workdir: "/srv", User: "app",
	})
	plain := environment.Image(t, testimage.Spec{Cmd: []string{"/bin/probe", "report", "/plain"}, Workdir: "/srv", User: "app"})
	for name, test := range map[string]struct {
		image   string
		command mesos.CommandInfo
		want    []string
	}{
		"shell":                            {entrypoint, mesos.CommandInfo{Value: new("/bin/probe report $((6*7)) 'a  b'")}, []string{"/bin/probe", "report", "42", "a  b"}},
		"shell ignores arguments":          {entrypoint, mesos.CommandInfo{Value: new(`exec /bin/probe report "$0" "$#"`), Arguments: []string{"x"}}, []string{"/bin/probe", "report", "/bin/sh", "0"}},
		"arguments":                        {entrypoint, mesos.CommandInfo{Shell: new(false), Arguments: []string{"a", "b c", "", "$HOME"}}, []string{"/bin/probe", "report", "a", "b c", "", "$HOME"}},
		"value and arguments":              {entrypoint, mesos.CommandInfo{Shell: new(false), Value: new("value"), Arguments: []string{"a"}}, []string{"/bin/probe", "report", "value", "a"}},
		"neither":                          {entrypoint, mesos.CommandInfo{Shell: new(false)}, []string{"/bin/probe", "report", "/from", "cmd"}},
		"neither, no ENTRYPOINT":           {plain, mesos.CommandInfo{Shell: new(false)}, []string{"/bin/probe", "report", "/plain"}},
		"arguments, no ENTRYPOINT":         {plain, mesos.CommandInfo{Shell: new(false), Arguments: []string{"/bin/probe", "report"}}, []string{"/bin/probe", "report"}},
		"arguments that look like options": {entrypoint, mesos.CommandInfo{Shell: new(false), Arguments: []string{"--privileged", "--", "-v"}}, []string{"/bin/probe", "report", "--privileged", "--", "-v"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, _ := h.report(t, dockerTask(t, test.image, test.command))
			if diff := cmp.Diff(test.want, seen.Argv); diff != "" {
				t.Errorf("argv, want (-), got (+):\n%s", diff)
			}
			if seen.Cwd != "/srv" || seen.UID != 1000 {
				t.Errorf("working directory %s, user %d; want the image's", seen.Cwd, seen.UID)
			}
		})
	}
}

// The status says what the program's end was, whatever the way.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]struct {
		info    mesos.TaskInfo
		state   mesos.TaskState
		message string
	}{
		"success":   {probe(t, "exit", "0"), mesos.TASK_FINISHED, "Container exited with status 0"},
		"failure":   {probe(t, "exit", "7"), mesos.TASK_FAILED, "Container exited with status 7"},
		"by signal": {probe(t, "signal", "9"), mesos.TASK_FAILED, "Container exited with status 137"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, status := h.run(t, test.info)
			if status.GetState() != test.state || status.GetMessage() != test.message {
				t.Errorf("%s, want %s (%s)", story([]mesos.TaskStatus{status}), test.state, test.message)
			}
			if status.GetSource() != mesos.SOURCE_EXECUTOR || len(status.UUID) != 16 {
				t.Errorf("source %s, uuid of %d bytes", status.GetSource(), len(status.UUID))
			}
			k.wantStates(t, "STARTING RUNNING "+test.state.String()[len("TASK_"):])
		})
	}
}
