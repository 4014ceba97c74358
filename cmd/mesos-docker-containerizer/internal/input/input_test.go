package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/config/marathon"
)

const (
	app  = `{"id": "/a/web", "instances": 2, "cmd": "true", "cpus": 0.1, "mem": 32, "container": {"type": "DOCKER", "docker": {"image": "busybox"}}}`
	task = `{"name": "web", "task_id": {"value": "web.1"}, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
		"container": {"type": "DOCKER", "docker": {"image": "busybox", "network": "HOST"}}, "command": {"shell": true, "value": "true"}}`
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newOffer(t *testing.T, ports string) marathon.Offer {
	t.Helper()
	p, err := marathon.NewPorts(ports)
	if err != nil {
		t.Fatal(err)
	}
	return marathon.Offer{AgentID: "agent", Hostname: "host", Ports: p}
}

func TestAppsAndTasksTogether(t *testing.T) {
	group := `{"id": "/g", "apps": [{"id": "web", "cmd": "true", "container": {"type": "DOCKER", "docker": {"image": "x"}}}]}`
	documents, err := Read([]string{write(t, "a.json", app), write(t, "t.json", task), Stdin}, strings.NewReader(group), false)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := Tasks(documents, newOffer(t, "31000-31010"))
	if err != nil {
		t.Fatal(err)
	}
	var names, ids []string
	var ports []uint32
	for _, task := range tasks {
		names = append(names, task.Name)
		ids = append(ids, task.Info.TaskID.Value)
		ports = append(ports, marathon.HostPorts(task.Info)...)
	}
	if want := []string{"web.1", "web.2", "web", "web#2"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 4 {
		t.Errorf("task ids are not distinct: %q", ids)
	}
	slices.Sort(ports)
	if want := []uint32{31000, 31001, 31002}; !slices.Equal(ports, want) {
		t.Errorf("host ports %v, want %v", ports, want)
	}
	if tasks[2].Info.Container.Docker.GetNetwork() != mesos.ContainerInfo_DockerInfo_HOST {
		t.Errorf("TaskInfo was not decoded: %+v", tasks[2].Info)
	}
}

func TestMistakesAreListedWithFileAndPath(t *testing.T) {
	first := write(t, "first.json", `{"id": "/Bad Name", "instances": -1, "container": {"type": "DOCKER", "docker": {"image": "x"}}}`)
	second := write(t, "second.json", `{"name": "x", "task_id": {"value": "a/b"}, "resources": [], "container": {"type": "MESOS"}}`)
	third := write(t, "third.json", "{\n  nonsense\n}")
	missing := filepath.Join(t.TempDir(), "missing.json")
	_, err := Read([]string{first, second, third, missing}, nil, false)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		first + ": /id: ", first + ": /instances: ",
		second + ": /task_id/value: ", second + ": /container/type: only DOCKER",
		third + ": line 2, column 3: ", missing + ": no such file",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not contain %q:\n%v", want, err)
		}
	}
}

func TestTheSameTwice(t *testing.T) {
	one, two := write(t, "one.json", app), write(t, "two.json", app)
	if _, err := Read([]string{one, two}, nil, false); err == nil || !strings.Contains(err.Error(), two+": app /a/web is in "+one+" too") {
		t.Errorf("error is %v", err)
	}
}

func TestPortsThatCannotBeHad(t *testing.T) {
	documents, err := Read([]string{write(t, "a.json", app)}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Tasks(documents, newOffer(t, "31000"))
	if !errors.Is(err, marathon.ErrPortsExhausted) || !strings.Contains(err.Error(), "instance 2 of app /a/web: ") {
		t.Errorf("error is %v", err)
	}
}

// TestNamedPorts has every way of asking for a host port by its number.
func TestNamedPorts(t *testing.T) {
	docker := func(id, container, more string) string {
		return `{"id": "` + id + `", "cmd": "true", "container": {"docker": {"image": "x"}` + container + `}` + more + `}`
	}
	bridge := `, "networks": [{"mode": "container/bridge"}]`
	list := "[" + strings.Join([]string{
		docker("/mapped", `, "portMappings": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 53, "hostPort": 53, "protocol": "udp,tcp"}, {"hostPort": 0}]`, bridge),
		docker("/required", "", `, "requirePorts": true, "portDefinitions": [{"port": 9092}, {"port": 0}]`),
		docker("/old", "", `, "requirePorts": true, "ports": [80]`),
		docker("/service", "", `, "ports": [8080]`),
		docker("/none", `, "portMappings": [{"hostPort": 99}]`, bridge+`, "instances": 0`),
	}, ",") + "]"
	info := strings.Replace(task, `"resources": [`, `"resources": [{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 700, "end": 701}]}}, `, 1)
	info = strings.Replace(info, `"network": "HOST"`, `"network": "BRIDGE", "port_mappings": [{"host_port": 701, "container_port": 1}, {"host_port": 702, "container_port": 2}]`, 1)
	documents, err := Read([]string{write(t, "list.json", list), write(t, "task.json", info)}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := AssignServicePorts(documents); err != nil {
		t.Fatal(err)
	}
	var got []string
	offer := newOffer(t, "31000-31010")
	for _, p := range NamedPorts(documents) {
		got = append(got, p.String())
		offer.Ports.(*marathon.Ports).Reserve(p.Port)
	}
	want := []string{"53 (app /mapped)", "80 (app /mapped, app /old)", "700 (task web.1)", "701 (task web.1)", "702 (task web.1)",
		"9092 (app /required)", "10000 (app /required)"}
	if !slices.Equal(got, want) {
		t.Errorf("named ports are\n%q, want\n%q", got, want)
	}
	_, err = Tasks(documents, offer)
	if !errors.Is(err, marathon.ErrPortTaken) || strings.Count(err.Error(), "/old") != 1 {
		t.Errorf("two apps with port 80 give %v", err)
	}
	for _, port := range []uint32{53, 80, 700, 701, 702, 9092, 10000} {
		if _, err := offer.Ports.Draw([]uint32{port}); !errors.Is(err, marathon.ErrPortTaken) {
			t.Errorf("port %d is not drawn: %v", port, err)
		}
	}
}

func TestInstancesOfAnAppWithPortsOfItsOwn(t *testing.T) {
	text := `{"id": "/a", "instances": 3, "cmd": "true", "requirePorts": true, "ports": [80], "container": {"docker": {"image": "x"}}}`
	documents, err := Read([]string{write(t, "a.json", text)}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Tasks(documents, newOffer(t, "80")); !errors.Is(err, marathon.ErrPortTaken) || !strings.Contains(err.Error(), "can have one instance here") {
		t.Errorf("error is %v", err)
	}
}

func TestTaskInfoMistakes(t *testing.T) {
	with := func(change func(map[string]any)) string {
		var object map[string]any
		if err := json.Unmarshal([]byte(task), &object); err != nil {
			t.Fatal(err)
		}
		change(object)
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	docker := func(o map[string]any) map[string]any {
		return o["container"].(map[string]any)["docker"].(map[string]any)
	}
	for _, test := range []struct {
		name   string
		change func(o map[string]any)
		want   string // begin of the mistake
	}{
		{"unknown field", func(o map[string]any) { docker(o)["imge"] = "x" }, "/container/docker/imge: ContainerInfo.DockerInfo has no such field"},
		{"old name", func(o map[string]any) { o["slave_id"] = "x" }, "/slave_id: expected an object"},
		{"missing image", func(o map[string]any) { delete(docker(o), "image") }, "/container/docker/image: is required"},
		{"null image", func(o map[string]any) { docker(o)["image"] = nil }, "/container/docker/image: is required"},
		{"empty image", func(o map[string]any) { docker(o)["image"] = "" }, "/container/docker/image: is empty"},
		{"no docker", func(o map[string]any) { o["container"] = map[string]any{"type": "DOCKER"} }, "/container/docker: is required"},
		{"no container", func(o map[string]any) { delete(o, "container") }, "/container: is required"},
		{"no task id", func(o map[string]any) { delete(o, "task_id") }, "/task_id: is required"},
		{"text for a number", func(o map[string]any) {
			docker(o)["port_mappings"] = []any{map[string]any{"host_port": "80", "container_port": 80}}
		}, "/container/docker/port_mappings/0/host_port: expected a whole number"},
		{"negative port", func(o map[string]any) {
			docker(o)["port_mappings"] = []any{map[string]any{"host_port": -1, "container_port": 80}}
		}, "/container/docker/port_mappings/0/host_port: expected a whole number"},
		{"unknown network", func(o map[string]any) { docker(o)["network"] = "OVERLAY" }, "/container/docker/network: expected a name of ContainerInfo.DockerInfo.Network"},
		{"object for a list", func(o map[string]any) { o["resources"] = map[string]any{} }, "/resources: expected a list"},
		{"list for an object", func(o map[string]any) { o["command"] = []any{} }, "/command: expected an object"},
		{"no base64", func(o map[string]any) { o["data"] = "%" }, "/data: expected text in base64"},
		{"id with a slash", func(o map[string]any) { o["task_id"] = map[string]any{"value": "../x"} }, "/task_id/value: neither . nor .."},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseTaskInfo([]byte(with(test.change)))
			var all *multierror.Error
			if !errors.As(err, &all) || len(all.Errors) != 1 || !strings.HasPrefix(all.Errors[0].Error(), test.want) {
				t.Errorf("mistakes: %v\nwant one that begins with %q", err, test.want)
			}
		})
	}
}

func TestTaskInfoWithoutAgentOrWithALabelForItsContainer(t *testing.T) {
	const labelled = `{"name": "x", "task_id": {"value": "x"}, "resources": [],
		"labels": {"labels": [{"key": "DOCKER_CONTAINER", "value": "{}"}]}, "command": {"value": "true"}}`
	if _, err := parseTaskInfo([]byte(labelled)); err != nil {
		t.Error(err)
	}
}

func FuzzTaskInfo(f *testing.F) {
	f.Add([]byte(task))
	f.Add([]byte(`{"task_id": {"value": 1}, "resources": null, "limits": {"mem": {"value": 1e999}}}`))
	f.Add([]byte(`{"task_id":[],"command":{"environment":{"variables":[{}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !isTaskInfo(data) {
			return
		}
		info, err := parseTaskInfo(data)
		if (info == nil) == (err == nil) {
			t.Fatalf("task %v and error %v", info, err)
		}
		if info != nil && checkID(info.TaskID.Value) != nil {
			t.Errorf("task id %q was accepted", info.TaskID.Value)
		}
	})
}

// TestTaskInfoOfTheOldAPI has slave_id in the place of agent_id.
func TestTaskInfoOfTheOldAPI(t *testing.T) {
	old := func(slave string) string { return strings.Replace(task, `"resources"`, slave+`, "resources"`, 1) }
	documents, err := Read([]string{write(t, "v0.json", old(`"slave_id": {"value": "S1"}`))}, nil, true)
	if err != nil || documents[0].Task == nil || documents[0].Task.AgentID.Value != "S1" || documents[0].Task.TaskID.Value != "web.1" {
		t.Fatalf("%+v, %v", documents, err)
	}
	for slave, want := range map[string]string{
		`"slave_id": "S1"`:         ": /slave_id: expected an object",
		`"slave_id": {"id": "S1"}`: ": /slave_id/",
		`"slave_id": {"value": "S1"}, "agent_id": {"value": "x"}`: ": /slave_id: ",
	} {
		if _, err := Read([]string{write(t, "v0.json", old(slave))}, nil, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", slave, err, want)
		}
	}
	state := `{"id": "web.1", "name": "web", "framework_id": "F", "executor_id": "", "slave_id": "S1", "state": "TASK_RUNNING", "resources": {"cpus": 1}}`
	if _, err := Read([]string{write(t, "state.json", state)}, nil, false); !strings.Contains(fmt.Sprint(err), "a task as /state lists it") {
		t.Errorf("a task of /state: %v", err)
	}
}

// TestStrict has an app that is run, with a warning, unless it is to be strict.
func TestStrict(t *testing.T) {
	path := write(t, "a.json", strings.Replace(app, `"cmd"`, `"parameters": [], "cmd"`, 1))
	documents, err := Read([]string{path}, nil, false)
	want := path + ": /parameters: unknown key; its place is /container/docker/parameters; ignored, as by Marathon"
	if got := Warnings(documents); err != nil || !slices.Equal(got, []string{want}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Read([]string{path}, nil, true); !strings.Contains(fmt.Sprint(err), path+": /parameters: unknown key") {
		t.Errorf("to be strict: %v", err)
	}
}
