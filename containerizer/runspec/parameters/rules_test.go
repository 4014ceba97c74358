package parameters

import (
	"slices"
	"testing"

	dockercommand "github.com/docker/cli/cli/command/container"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"mesos-docker-containerizer/containerizer/runspec"
)

// TestRulesAreComplete fails when docker gains or loses an option: each must be decided about.
func TestRulesAreComplete(t *testing.T) {
	var options []string
	collect := func(f *pflag.Flag) {
		if !slices.Contains(options, f.Name) {
			options = append(options, f.Name)
		}
	}
	cli := &docker{engine: &recorder{}}
	//lint:ignore SA1019 command.go says why
	dockercommand.NewCreateCommand(cli).Flags().VisitAll(collect)
	//lint:ignore SA1019 command.go says why
	dockercommand.NewRunCommand(cli).Flags().VisitAll(collect)
	slices.Sort(options)

	var decided []string
	for _, rule := range runspec.Rules {
		decided = append(decided, rule.Name)
	}
	if diff := cmp.Diff(options, decided); diff != "" {
		t.Errorf("options of docker (-) and rules (+) differ:\n%s", diff)
	}
}

// TestUnknownOptionsInDockersWords holds the texts that runspec uses without asking the parser equal to docker's.
func TestUnknownOptionsInDockersWords(t *testing.T) {
	for _, argument := range []string{"--lxc-conf=x", "--e=x", "--=x", "---x=y"} {
		_, err := create(runspec.ParseRequest{Image: "busybox", Options: []string{argument}})
		if err == nil {
			t.Errorf("docker accepts %s", argument)
			continue
		}
		t.Logf("%s: %v", argument, err)
	}
	_, err := create(runspec.ParseRequest{Image: "busybox", Options: []string{"--lxc-conf=x"}})
	if err == nil || err.Error() != "unknown flag: --lxc-conf" {
		t.Errorf("docker says %v", err)
	}
}
