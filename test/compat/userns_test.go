package compat

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProductWithRemappedUsers runs tasks on an Engine that remaps users, and has a default limit besides that counts for the size of
// arguments.
func TestProductWithRemappedUsers(t *testing.T) {
	own := remapped(t, "--default-ulimit", "stack=4194304")
	programs := shared(t)
	build := exec.Command("go", "build", "-o", programs, "mesos-docker-containerizer/cmd/mesos-docker-containerizer", "mesos-docker-containerizer/cmd/mesos-docker-executor")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const write = `cd $MESOS_SANDBOX && mkdir made && echo x >made/file && stat -c %u:%g made && echo more >>stdout`
	for name, test := range map[string]struct {
		flags         []string
		network, line string
		large         bool
		wants         []string
		ended         bool // the task has finished
	}{
		"sandbox, without the flag": {nil, "NONE", write, false, []string{"root in the container is user 300000 of the host", "Permission denied", "TASK_FAILED"}, false},
		"sandbox":                   {[]string{"--userns_sandbox"}, "NONE", write, false, []string{"| 0:0", "TASK_FINISHED"}, true},
		"network, without the flag": {nil, "HOST", "true", false, []string{"remaps users", "userns_host"}, false},
		"network":                   {[]string{"--userns_host"}, "HOST", "cat /proc/self/uid_map; " + write, false, []string{"4294967295", "| 0:0", "TASK_FINISHED"}, true},
		"network, against a rule": {[]string{"--userns_host", "--allowed_namespaces=none"}, "HOST", "true", false,
			[]string{"The policy of this host refuses the task", `userns:host`}, false},
		"arguments, by the Engine's limit": {[]string{"--userns_sandbox"}, "NONE", "true", true,
			[]string{"takes at most 1048576 with a stack limit of 4194304 bytes"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := []object{}
			for i := 0; test.large && i < 12; i++ {
				variables = append(variables, object{"name": fmt.Sprint("V", i), "value": strings.Repeat("x", 100_000)})
			}
			task, err := json.Marshal(object{
				"name": "t", "task_id": object{"value": "t"}, "agent_id": object{"value": "a"},
				"command":   object{"value": test.line, "environment": object{"variables": variables}},
				"container": object{"type": "DOCKER", "docker": object{"image": own.image, "network": test.network}},
			})
			if err != nil {
				t.Fatal(err)
			}
			directory := shared(t)
			write := os.WriteFile(filepath.Join(directory, "task.json"), task, 0o600)
			if write != nil {
				t.Fatal(write)
			}
			run := exec.Command(filepath.Join(programs, "mesos-docker-containerizer"), append(append([]string{"run", "--docker_socket=" + own.socket}, test.flags...), filepath.Join(directory, "task.json"))...)
			run.Env = append(os.Environ(), "TMPDIR="+directory)
			out, err := run.CombinedOutput()
			for _, want := range test.wants {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if (err == nil) != test.ended {
				t.Errorf("%v:\n%s", err, out)
			}
			if left, err := filepath.Glob(directory + "/*"); err != nil || len(left) != 1 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}
