package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// processEnviron is the environment that the executor's process runs with.
func (d *dropin) processEnviron(t *testing.T) map[string]string {
	t.Helper()
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", d.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for variable := range strings.SplitSeq(strings.TrimSuffix(string(environ), "\x00"), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		if _, twice := values[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		values[name] = value
	}
	return values
}

// survivors are the variables of contract 1.5, and those of libprocess, that mean something to the executor. Nothing else
// survives its start.
var survivors = []string{
	"GOMAXPROCS", // ours
	"LIBPROCESS_ADVERTISE_IP", "LIBPROCESS_ADVERTISE_PORT", "LIBPROCESS_IP", "LIBPROCESS_PORT", "LIBPROCESS_SSL_ENABLED",
	"MESOS_AGENT_ENDPOINT", "MESOS_CHECKPOINT", "MESOS_DIRECTORY",
	"MESOS_EXECUTOR_AUTHENTICATION_TOKEN_FD", // where the token is to be read; ours
	"MESOS_EXECUTOR_ID", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
	"MESOS_FRAMEWORK_ID", "MESOS_RECOVERY_TIMEOUT", "MESOS_SLAVE_ID", "MESOS_SLAVE_PID", "MESOS_SUBSCRIPTION_BACKOFF_MAX",
}

// A task's variables are the executor's too, and override the agent's. They reach the container as they are and do no harm: the
// executor finds its agent, its sandbox and its daemon, and its process has none of what it does not need.
func TestDropInHostileEnvironment(t *testing.T) {
	t.Parallel()
	of := maps.Clone(hostile)
	maps.Copy(of, map[string]string{
		"LIBPROCESS_PORT": "$PORT0", "LIBPROCESS_ADVERTISE_IP": "$HOST", "LIBPROCESS_ADVERTISE_PORT": "port", "LIBPROCESS_SSL_ENABLED": "0",
		"LIBPROCESS_NUM_WORKER_THREADS": "100000", "MESOS_DIRECTORY": "/evil", "MESOS_NATIVE_LIBRARY": "/evil.so",
		"MESOS_HTTP_COMMAND_EXECUTOR": "1", "GLOG_v": "9", "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "secret.token",
	})
	var texts []string
	for name, value := range of {
		texts = append(texts, name+"="+value)
	}
	h := newHost(t)
	info := shell(t, `/bin/probe report; exec /bin/probe hold >/dev/null`)
	info.Resources = []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 512)} // the probe is a program in Go as well
	info.Command.Environment = variables(texts...)
	d := h.dropIn(t, info, func(o *dropInOptions) { o.variables = []string{"OF_THE_AGENT=1"} })
	running := d.await(t, mesos.TASK_RUNNING)
	seen := d.reported(t)

	process := d.processEnviron(t)
	if diff := cmp.Diff(survivors, slices.Sorted(maps.Keys(process))); diff != "" {
		t.Errorf("the executor's variables, want (-), got (+):\n%s", diff)
	}
	if process["GOMAXPROCS"] != "1" {
		t.Errorf("GOMAXPROCS is %s", process["GOMAXPROCS"])
	}
	got := map[string]string{}
	for name := range of {
		if value, ok := seen.Getenv(name); ok {
			got[name] = value
		}
	}
	if diff := cmp.Diff(of, got); diff != "" {
		t.Errorf("the container, want (-), got (+):\n%s", diff)
	}
	if inside := slices.ContainsFunc(inspected(t, running).HostConfig.Binds, func(bind string) bool { return strings.HasPrefix(bind, d.sandbox+":") }); !inside {
		t.Errorf("the sandbox is not the agent's: %v", inspected(t, running).HostConfig.Binds)
	}
	d.kill(t, grace)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

// What a sane agent gives is all that the executor runs with, with its values.
func TestDropInEnvironment(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.dropIn(t, probe(t, "hold"))
	d.await(t, mesos.TASK_RUNNING)
	given := map[string]string{"GOMAXPROCS": "1"}
	for _, variable := range d.process.Env {
		name, value, _ := strings.Cut(variable, "=")
		if slices.Contains(survivors, name) {
			given[name] = value
		}
	}
	if diff := cmp.Diff(given, d.processEnviron(t)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	d.kill(t, grace)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}
