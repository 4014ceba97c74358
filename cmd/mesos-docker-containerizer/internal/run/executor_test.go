package run

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// What an executor sees of its command line, shown by a program that prints its arguments, one in each pair of brackets.
func TestProgram(t *testing.T) {
	ours := []string{"--socket=/a b/it's"}
	for name, test := range map[string]struct {
		command *mesos.CommandInfo
		want    string
	}{
		"none":        {nil, "own program"},
		"no value":    {&mesos.CommandInfo{}, "own program"},
		"a line":      {&mesos.CommandInfo{Value: new("true && exec printf '[%s]' a 'b c'")}, "[a][b c][--socket=/a b/it's]"},
		"an argument": {&mesos.CommandInfo{Shell: new(false), Value: new("printf"), Arguments: []string{"name", "[%s]", "$HOME"}}, "[$HOME][--socket=/a b/it's]"},
		"its name":    {&mesos.CommandInfo{Shell: new(false), Value: new("/bin/echo"), Arguments: []string{"name"}}, "--socket=/a b/it's\n"},
		"no argument": {&mesos.CommandInfo{Shell: new(false), Value: new("/bin/echo")}, "--socket=/a b/it's\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path, args := program(&mesos.ExecutorInfo{Command: test.command}, "/own", ours)
			if path == "/own" {
				if diff := cmp.Diff(ours, args); diff != "" || test.want != "own program" {
					t.Errorf("the run's own executor is started with %q", args)
				}
				return
			}
			output, err := exec.Command(path, args...).CombinedOutput()
			if err != nil || string(output) != test.want {
				t.Errorf("the executor sees %q, want %q; %v", output, test.want, err)
			}
		})
	}
	if path, _ := program(nil, "/own", ours); path != "/own" {
		t.Errorf("a task without an executor is run by %s", path)
	}
}
