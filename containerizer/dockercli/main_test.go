package dockercli

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// result is what a command came to.
type result struct {
	Status         int
	Stdout, Stderr string
}

// newDocker returns our docker command on an Engine.
func newDocker(t *testing.T, socket string, change ...func(*Options)) *Docker {
	t.Helper()
	logger := zaptest.NewLogger(t)
	e, err := engine.New(engine.Options{Socket: socket, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	open, err := policy.New(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	options := Options{Engine: e, Logger: logger, Tasks: noTasks{}, Policy: open, GPUs: gpu.NewBook(e, t.TempDir(), logger)}
	for _, c := range change {
		c(&options)
	}
	d := New(options)
	t.Cleanup(func() {
		d.Close()
		e.Close()
	})
	return d
}

// noTasks is a daemon without tasks.
type noTasks struct{}

func (noTasks) StopContainer(context.Context, string, time.Duration) (bool, error) { return false, nil }

func (noTasks) KeepContainers(time.Time) {}

// answer carries out one command.
func answer(ctx context.Context, d *Docker, arguments ...string) result {
	return answerFrom(ctx, d, "", arguments...)
}
