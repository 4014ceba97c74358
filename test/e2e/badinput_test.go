package e2e

import (
	"os"
	"strings"
	"testing"

	"mesos-docker-containerizer/internal/localagent"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// A task that cannot be run fails with words for its author; its executor ends well and nothing is left.
func TestBadTaskInfo(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]struct {
		change func(*mesos.TaskInfo)
		words  []string
	}{
		"no container":      {func(i *mesos.TaskInfo) { i.Container = nil }, []string{"container"}},
		"type MESOS":        {func(i *mesos.TaskInfo) { i.Container.Type = mesos.ContainerInfo_MESOS.Enum() }, []string{"MESOS", "must be DOCKER"}},
		"no docker info":    {func(i *mesos.TaskInfo) { i.Container.Docker = nil }, []string{"No docker info found in container info"}},
		"no image":          {func(i *mesos.TaskInfo) { i.Container.Docker.Image = "" }, []string{"image"}},
		"bad image":         {func(i *mesos.TaskInfo) { i.Container.Docker.Image = "NO//such:image:" }, []string{"NO//such:image:"}},
		"no command":        {func(i *mesos.TaskInfo) { i.Command = &mesos.CommandInfo{} }, []string{"Shell specified but no command value provided"}},
		"container port 0":  {func(i *mesos.TaskInfo) { bridge(i, mapping(31000, 0, "tcp")) }, []string{"container port 0 is not a port"}},
		"port out of range": {func(i *mesos.TaskInfo) { bridge(i, mapping(31000, 65536, "tcp")) }, []string{"container port 65536 is not a port"}},
		"protocol":          {func(i *mesos.TaskInfo) { bridge(i, mapping(31000, 80, "udp,tcp")) }, []string{"invalid proto", "udp,tcp"}},
		"no port resources": {func(i *mesos.TaskInfo) {
			bridge(i, mapping(31000, 80, "tcp"))
			i.Resources = i.Resources[:2]
		}, []string{"Port mappings require port resources"}},
		"no network info": {func(i *mesos.TaskInfo) {
			i.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_USER.Enum()
		}, []string{"No network info found in container info"}},
		"hostname in host network": {func(i *mesos.TaskInfo) { i.Container.Hostname = new("a.corp.org") }, []string{"Unable to set hostname with host network mode"}},
		"missing program": {func(i *mesos.TaskInfo) {
			i.Command = &mesos.CommandInfo{Shell: new(false), Value: new("/no/such/program")}
		}, []string{"Failed to run docker container", "/no/such/program", "it is not in the container"}},
		"relative mapped path": {func(i *mesos.TaskInfo) { i.Container.Volumes = []mesos.Volume{volume("/tmp", "", mesos.RW)} }, []string{"container path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := shell(t, "true")
			test.change(&info)
			k, status := h.run(t, info)
			wantMessage(t, status, mesos.TASK_FAILED, test.words...)
			if status.GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED {
				t.Errorf("reason %s", status.GetReason())
			}
			k.wantStates(t, "STARTING FAILED")
		})
	}
}

// The document of a custom executor's task is input as well.
func TestBadTaskData(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, data := range map[string]string{
		"not JSON":         `{"command":`,
		"wrong type":       `{"command":7}`,
		"unknown key":      `{"command":{"vlaue":"true"}}`,
		"not an object":    `[]`,
		"deeply nested":    strings.Repeat("[", 100_000),
		"no command":       `{"command":{}}`,
		"zero byte":        `{"command":{"value":"true","environment":{"variables":[{"name":"SECRET","value":"geheim\u0000geheim"}]}}}`,
		"trailing garbage": `{"command":{"value":"true"}} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toCustom := custom(t, h, nil)
			k := h.launch(t, shell(t, "true"), func(r *localagent.LaunchRequest) {
				toCustom(r)
				r.Task.Data = []byte(data)
			})
			status := k.end(t)
			wantMessage(t, status, mesos.TASK_FAILED, "data")
			if text := status.GetMessage(); len(text) > 1000 || strings.Contains(text, "geheim") {
				t.Errorf("the message has %d bytes or tells a value: %.1000s", len(text), text)
			}
		})
	}
}

// What Mesos lets pass, passes: megabytes of data and of environment.
func TestLargeTaskInfo(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const size = 100_000 // the kernel takes no single variable of more than 128 KiB
	var texts []string
	for _, name := range strings.Fields("A B C D E F G H I J") {
		texts = append(texts, name+"="+strings.Repeat("=\n", size/2))
	}
	info := shell(t, `echo ${#A} ${#J}; [ "$A" = "$J" ] && echo equal`)
	info.Command.Environment = variables(texts...)
	info.Data = make([]byte, 5<<20)
	info.Labels = &mesos.Labels{Labels: []mesos.Label{{Key: "large", Value: new(strings.Repeat("x", 1<<20))}}}
	k := h.launch(t, info)
	k.finish(t)
	if got := k.output(t, "stdout"); got != "100000 100000\nequal\n" {
		t.Errorf("stdout %q, stderr %q", got, k.output(t, "stderr"))
	}
}

func TestSandboxRemoved(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.stopDaemon(t)
	k := h.launch(t, shell(t, "true"))
	k.await(t, mesos.TASK_STARTING)
	if err := os.RemoveAll(k.Sandbox); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "sandbox "+k.Sandbox+" is not there")
	if _, err := os.Stat(k.Sandbox); err == nil {
		t.Error("the sandbox was made anew")
	}
}

// Two tasks that ask for the same container cannot disturb one another: names are ours to choose.
func TestSameTaskIDOnTwoAgents(t *testing.T) {
	t.Parallel()
	first, second := newHost(t), newHost(t)
	info := probe(t, "hold")
	a, b := first.launch(t, info), second.launch(t, info)
	a.await(t, mesos.TASK_RUNNING)
	b.await(t, mesos.TASK_RUNNING)
	a.kill(t)
	if c, err := first.docker.ContainerInspect(t.Context(), b.container(t)); err != nil || c.State.Status != container.StateRunning {
		t.Errorf("the other task: %+v, %v", c.State, err)
	}
	b.kill(t)
}
