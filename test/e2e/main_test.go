// Package e2e proves the whole chain on a real Engine, with nothing in it replaced but the Mesos agent:
//
//	localagent -> mesos-docker-executor -> daemon -> Engine -> container
//
// The agent is internal/localagent, in this process, and starts the real program mesos-docker-executor, built once per run and
// with the race detector where the tests have it. The daemon is a containerizer.Server in this process, behind its Unix socket
// and stopped and started at will. The Engine is the one of test/environment. The tests say what a task sees inside its
// container and what a framework sees in its updates; what each part does by itself is tested beside it.
//
// host (host_test.go) is one machine with a daemon and an agent, task (task_test.go) one task on it; TaskInfo is made in
// taskinfo_test.go. The other files have one concern each. A test fails if a container, an executor or a goroutine is left
// behind.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = time.Minute

// parallel is how many tests run at once unless -parallel says otherwise. They wait for containers most of the time.
const parallel = "6"

// build is where programs are built, removed at the end of the run.
var build string

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		flag.Set("test.parallel", parallel)
	}
	var err error
	if build, err = os.MkdirTemp("", "mesos-docker-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(build)
	code := m.Run()
	if code != 0 {
		return code
	}
	if left := executors(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "executors were left behind, as processes", left)
		return 1
	}
	if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// program builds the executor when the first test needs it.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(build, "mesos-docker-executor")
	args := append([]string{"build", "-o", path}, raceFlags...)
	cmd := exec.Command("go", append(args, "mesos-docker-containerizer/cmd/mesos-docker-executor")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the executor: %w\n%s", err, out)
	}
	return path, nil
})

// executors returns the processes that run the built executor.
func executors() []string {
	var found []string
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if path, err := os.Readlink(link); err == nil && filepath.Dir(path) == build {
			found = append(found, filepath.Base(filepath.Dir(link)))
		}
	}
	return found
}
