package e2e

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// routes are the ways in on which no agent is ours to choose.
func routes(t *testing.T, h *host, each func(t *testing.T, change ...func(*localagent.LaunchRequest))) {
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		each(t)
	})
	t.Run("custom", func(t *testing.T) {
		t.Parallel()
		each(t, custom(t, h, variables("OF_THE_EXECUTOR=1")))
	})
}

// Contract 2.3, complete: nothing but these variables is there, least of all what the executor was given.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(o *localagent.Options) {
		o.Tokens = true
		o.IP = "127.0.0.1" // so that executors see LIBPROCESS_IP
		o.ExecutorEnvironment = map[string]string{"OF_THE_AGENT": "1"}
	})
	image := environment.Image(t, testimage.Spec{
		Entrypoint: []string{"/bin/probe", "report"},
		Env:        []string{"FROM_IMAGE=kept", "OVERRIDDEN=image", "PATH=/bin:/of/the/image"},
	})
	routes(t, h, func(t *testing.T, change ...func(*localagent.LaunchRequest)) {
		info := dockerTask(t, image, mesos.CommandInfo{Shell: new(false), Environment: variables(
			"OVERRIDDEN=task", "EMPTY=", "ODD=a=b\nc='d' \"e\" $f \\ é\t", "TWICE=first", "TWICE=last",
			"MESOS_SANDBOX=/elsewhere", "MESOS_CONTAINER_NAME=other", "MESOS_ALLOCATION_ROLE=root",
		)})
		info.Resources[0].AllocationInfo = &mesos.Resource_AllocationInfo{Role: new("dev")}
		seen, running := h.report(t, info, change...)
		want := map[string]string{
			"FROM_IMAGE": "kept", "PATH": "/bin:/of/the/image", "OVERRIDDEN": "task", "EMPTY": "", "TWICE": "last",
			"ODD":           "a=b\nc='d' \"e\" $f \\ é\t",
			"MESOS_SANDBOX": mapped, "MESOS_ALLOCATION_ROLE": "dev",
			"MESOS_CONTAINER_NAME": strings.TrimPrefix(inspected(t, running).Name, "/"),
			"HOME":                 "/root", "HOSTNAME": seen.Hostname, // the Engine's
		}
		got := map[string]string{}
		for _, variable := range seen.Env {
			name, value, _ := strings.Cut(variable, "=")
			if _, twice := got[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			got[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	})
}

// A custom executor's task without a command has its executor's environment.
func TestEnvironmentOfTheExecutor(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	image := environment.Image(t, testimage.Spec{Entrypoint: []string{"/bin/probe", "report"}})
	toCustom := custom(t, h, variables("OF_THE_EXECUTOR=a=b"))
	seen, _ := h.report(t, dockerTask(t, image, mesos.CommandInfo{}), func(r *localagent.LaunchRequest) {
		toCustom(r)
		r.Task.Data = nil
	})
	if value, _ := seen.Getenv("OF_THE_EXECUTOR"); value != "a=b" {
		t.Errorf("OF_THE_EXECUTOR=%q", value)
	}
}

// hostile are variables that mean something to a program written in Go or to an agent's executor. A task may have them: they
// reach its container and change nothing on the way.
var hostile = map[string]string{
	"LIBPROCESS_PORT": "1", "LIBPROCESS_IP": "192.0.2.1",
	"PATH":        "/nowhere",
	"DOCKER_HOST": "tcp://192.0.2.1:1", "DOCKER_API_VERSION": "1.0",
	"GOMAXPROCS": "1000", "GODEBUG": "netdns=go+2,http2debug=2", "GOTRACEBACK": "crash", "GOGC": "1",
	"HTTP_PROXY": "http://192.0.2.1:1", "HTTPS_PROXY": "http://192.0.2.1:1", "http_proxy": "http://192.0.2.1:1", "ALL_PROXY": "socks5://192.0.2.1:1",
	"SSL_CERT_FILE": "/nowhere", "TMPDIR": "/nowhere", "HOME": "/nowhere",
}

func TestHostileEnvironment(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var texts []string
	for name, value := range hostile {
		texts = append(texts, name+"="+value)
	}
	each := func(t *testing.T, change ...func(*localagent.LaunchRequest)) {
		info := shell(t, `/bin/mkfifo "$MESOS_SANDBOX/go-on"; /bin/probe report; /bin/cat "$MESOS_SANDBOX/go-on"`)
		info.Resources = []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 512)} // the probe is a program in Go as well
		info.Command.Environment = variables(texts...)
		k := h.launch(t, info, change...)
		k.awaitOutput(t, `"files"`)
		wantCleanProcess(t, k)
		fifo, err := os.OpenFile(k.Sandbox+"/go-on", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fifo.Close()
		k.finish(t)
		seen := k.reported(t)
		got := map[string]string{}
		for name := range hostile {
			if value, ok := seen.Getenv(name); ok {
				got[name] = value
			}
		}
		if diff := cmp.Diff(maps.Clone(hostile), got); diff != "" {
			t.Errorf("the container, want (-), got (+):\n%s", diff)
		}
		if said := k.output(t, "stderr"); said != "" {
			t.Errorf("stderr: %s", said)
		}
	}
	t.Run("local", func(t *testing.T) { t.Parallel(); each(t) })
	t.Run("custom", func(t *testing.T) { t.Parallel(); each(t, custom(t, h, variables(texts...))) })
}

// wantCleanProcess looks at the environment of the executor's process itself.
func wantCleanProcess(t *testing.T, k *task) {
	t.Helper()
	pid, err := k.ExecutorProcess()
	if err != nil {
		t.Fatal(err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	for variable := range strings.SplitSeq(string(environ), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		if bad, ok := hostile[name]; ok && bad == value && !strings.HasPrefix(name, "LIBPROCESS_") {
			t.Errorf("the executor runs with %s", variable)
		}
		if strings.HasSuffix(name, "_TOKEN") {
			t.Errorf("the executor's environment shows %s", name)
		}
	}
}
