package e2e

import (
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// Flags of agents to come are named in one warning, without their values; an agent with another Engine than the daemon's is named
// in another.
func TestDropInUnknownFlags(t *testing.T) {
	t.Parallel()
	d := newHost(t).finish(t, shell(t, "true"), func(o *dropInOptions) {
		o.flags = []string{"--of_the_future=secret", "--no-more", "--docker_socket=/nowhere/docker.sock"}
	})
	said := d.read(t, "stderr")
	for _, line := range []string{`"unknown flags ignored","framework":"framework"`, `"flags":["of_the_future","no-more"]`,
		"the agent's flag docker_socket is /nowhere/docker.sock, the daemon's Engine is at " + environment.Socket(t)} {
		if strings.Count(said, line) != 1 {
			t.Errorf("it does not say %s once:\n%s", line, said)
		}
	}
	if strings.Contains(said, "secret") || strings.Count(said, `"level":"warn"`) != 2 {
		t.Errorf("stderr:\n%s", said)
	}
}

// Agents that recover executors of the HTTP API may have them in the stock executor's place as well.
func TestDropInOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := "mesos-" + newUUID(t)
	k := h.launch(t, probe(t, "hold"), func(r *localagent.LaunchRequest) {
		r.Args = []string{"--socket=" + h.socket, "--container=" + name, "--protocol=v1"}
	})
	if got := inspected(t, k.await(t, mesos.TASK_RUNNING)).Name; got != "/"+name {
		t.Errorf("the container is %s, want %s", got, name)
	}
	k.kill(t)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// The deprecated stop_timeout raises the shutdown grace period, which is what a task without a policy of its own has.
func TestDropInStopTimeout(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := probe(t, "hold", "-term", "ignore")
	info.KillPolicy = nil
	d := h.dropIn(t, info, func(o *dropInOptions) { o.flags = []string{"--stop_timeout=8secs"} })
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "holding")
	began := time.Now()
	if err := d.Kill(info.TaskID.Value, nil); err != nil {
		t.Fatal(err)
	}
	d.await(t, mesos.TASK_KILLED)
	if took := time.Since(began); took < 8*time.Second {
		t.Errorf("it took %v", took)
	}
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}
