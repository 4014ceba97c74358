package containerizer

import (
	"testing"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// CommandInfo.user is the user in the container only where the admin says so; a name is looked up in the image.
func TestHonorCommandUser(t *testing.T) {
	image := environment.Image(t, testimage.Spec{User: "0"})
	for name, test := range map[string]struct {
		honor bool
		user  string
		want  string
	}{
		"ignored":                      {false, "app", "0"},
		"a name":                       {true, "app", "1000"},
		"a number":                     {true, "1234", "1234"},
		"none":                         {true, "", "0"},
		"one that is not in the image": {true, "nosuchuser", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, func(o *Options) { o.HonorCommandUser = test.honor })
			e := h.newExecutor()
			task := dockerTask(t, image, "id -u")
			if test.user != "" {
				task.Command.User = &test.user
			}
			e.launch(task)
			exit := e.awaitExit()
			if test.want == "" {
				mustName(t, exit.Message, test.user)
			} else if stdout, stderr := e.readOutput(); stdout != test.want+"\n" {
				t.Errorf("the container's user is %q, want %q; stderr %q", stdout, test.want, stderr)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}
