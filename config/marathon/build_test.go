package marathon

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// facts maps the JSON pointers a test asks about to the JSON found there; "" stands for nothing. Environment variables are found
// under /env by their name, in TaskInfo.command and in ExecutorInfo.command alike.
type facts map[string]string

// taskOf builds the only app of a document with host ports 31000 to 31009.
func taskOf(t *testing.T, document string) mesos.TaskInfo {
	t.Helper()
	apps, err := Parse([]byte(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	offer := exampleOffer(t, "53,8080-8081,31000-31009")
	offer.Ports.(*Ports).start = 31000
	if err := AssignServicePorts(&apps[0]); err != nil {
		t.Fatal(err)
	}
	task, err := Build(apps[0], offer)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func checkFacts(t *testing.T, task mesos.TaskInfo, want facts) {
	t.Helper()
	root, _ := canonical(t, marshal(t, task)).(map[string]any)
	env := map[string]any{}
	command := task.Command
	if command == nil {
		command = task.Executor.Command
	}
	for _, v := range command.Environment.Variables {
		if _, double := env[v.Name]; double {
			t.Errorf("variable %s is set twice", v.Name)
		}
		env[v.Name] = *v.Value
	}
	root["env"] = env
	for pointer, wanted := range want {
		got := ""
		if found := lookup(root, pointer); found != nil {
			data, err := json.Marshal(found)
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
		}
		if got != wanted {
			t.Errorf("%s is %s, want %s", pointer, got, wanted)
		}
	}
}

func lookup(v any, pointer string) any {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch node := v.(type) {
		case map[string]any:
			v = node[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// docker writes an app of image i with more fields; bridge and user do so with a network.
func docker(fields string) string {
	return `{"id":"/g/a","container":{"docker":{"image":"i"}}` + with(fields) + `}`
}

func bridge(mappings, fields string) string {
	return `{"id":"/g/a","networks":[{"mode":"container/bridge"}],"container":{"docker":{"image":"i"},"portMappings":` + mappings + `}` +
		with(fields) + `}`
}

func user(mappings, fields string) string {
	return `{"id":"/g/a","networks":[{"name":"net"}],"container":{"docker":{"image":"i"},"portMappings":` + mappings + `}` +
		with(fields) + `}`
}

func with(fields string) string {
	if fields == "" {
		return ""
	}
	return "," + fields
}

const taskID = "g_a.instance-11111111-2222-11eb-8dcd-0242ac110002._app.1"

var buildTests = []struct {
	name string
	app  string
	want facts
}{
	{"defaults", docker(""), facts{
		"/name": `"a.g"`, "/task_id/value": strconv.Quote(taskID), "/discovery/name": `"a.g"`, "/discovery/visibility": `"FRAMEWORK"`,
		"/resources/0/name": `"cpus"`, "/resources/0/scalar/value": "1", "/resources/1/name": `"mem"`, "/resources/1/scalar/value": "128",
		"/resources/2/ranges/range": `[{"begin":31000,"end":31000}]`, "/resources/3": "",
		"/container/type": `"DOCKER"`, "/container/docker/network": `"HOST"`, "/container/docker/privileged": "false",
		"/container/docker/force_pull_image": "false", "/command/shell": "false", "/command/value": "", "/command/arguments": "",
		"/labels": "", "/limits": "", "/kill_policy": "", "/health_check": "", "/check": "", "/data": "", "/executor": "",
		"/container/tty_info": "", "/container/network_infos": "", "/command/user": "",
	}},
	{"disk and zero resources", docker(`"cpus":0,"mem":0,"disk":10.5,"ports":[]`), facts{
		"/resources/0/name": `"disk"`, "/resources/0/scalar/value": "10.5", "/resources/1": "",
		"/env/MARATHON_APP_RESOURCE_CPUS": `"0.0"`, "/env/MARATHON_APP_RESOURCE_DISK": `"10.5"`,
	}},
	{"limits", docker(`"cpus":0.5,"resourceLimits":{"cpus":2,"mem":256}`), facts{
		"/limits": `{"cpus":{"value":2},"mem":{"value":256}}`,
	}},
	{"user and tty", docker(`"user":"nobody","tty":true`), facts{"/command/user": `"nobody"`}},
	{"kill grace of zero", docker(`"taskKillGracePeriodSeconds":0`), facts{"/kill_policy/grace_period/nanoseconds": "0"}},
	{"old network none", `{"id":"a","container":{"docker":{"image":"i","network":"NONE","portMappings":[{"containerPort":80}]}}}`, facts{
		"/container/docker/network": `"NONE"`, "/container/docker/port_mappings": "", "/env/PORT0": `"31000"`,
	}},
	{"old user network", `{"id":"a","ipAddress":{"networkName":"n"},"container":{"docker":{"image":"i","network":"USER"}}}`, facts{
		"/container/docker/network": `"USER"`, "/container/network_infos": `[{"name":"n"}]`, "/discovery/ports/ports/0/number": "0",
		"/discovery/ports/ports/0/name": `"default"`,
	}},
	{"ipAddress alone is a user network", `{"id":"a","ipAddress":{"networkName":"n"},"container":{"docker":{"image":"i"}}}`, facts{
		"/container/docker/network": `"USER"`,
	}},
	{"ipAddress with bridge", `{"id":"a","ipAddress":{},"container":{"docker":{"image":"i","network":"BRIDGE"}}}`, facts{
		"/container/docker/network": `"BRIDGE"`, "/container/network_infos": "",
	}},
	{"ipAddress with host", `{"id":"a","ipAddress":{},"container":{"docker":{"image":"i","network":"HOST"}}}`, facts{
		"/container/docker/network": `"HOST"`,
	}},
	{"bridge without mappings has one", `{"id":"a","networks":[{"mode":"container/bridge"}],"container":{"docker":{"image":"i"}}}`, facts{
		"/container/docker/port_mappings": `[{"container_port":31000,"host_port":31000,"protocol":"tcp"}]`,
		"/env/PORT_DEFAULT":               `"31000"`, "/env/PORT_31000": `"31000"`,
	}},
	{"explicitly no mappings", bridge("[]", ""), facts{
		"/container/docker/port_mappings": "", "/env/PORTS": "", "/resources/2": "", "/discovery/ports": "",
	}},
	{"ports on a bridge are counted", bridge(`[{"containerPort":80}]`, `"ports":[1,2]`), facts{
		"/container/docker/port_mappings/0/container_port": "80", "/container/docker/port_mappings/1/container_port": "31001",
		"/container/docker/port_mappings/2": "", "/resources/2/ranges/range": `[{"begin":31000,"end":31001}]`,
	}},
	{"bridge defaults hostPort, user network does not", user(`[{"containerPort":80,"name":"a-b"},{"containerPort":81,"hostPort":0}]`, ""), facts{
		"/container/docker/port_mappings": `[{"container_port":81,"host_port":31000,"protocol":"tcp"}]`,
		"/env/PORT0":                      `"80"`, "/env/PORT1": `"31000"`, "/env/PORT": `"31000"`, "/env/PORTS": `"31000"`,
		"/env/PORT_80": `"80"`, "/env/PORT_81": `"31000"`, "/env/PORT_A-B": `"80"`,
		"/discovery/ports/ports/0": `{"labels":{"labels":[{"key":"network-scope","value":"container"},{"key":"network-name","value":"net"}]},"name":"a-b","number":80,"protocol":"tcp"}`,
	}},
	{"order of ranges is that of the ports", bridge(`[{"hostPort":8081},{"hostPort":8080},{"hostPort":0},{"hostPort":53,"protocol":"udp"},{"hostPort":53}]`, ""), facts{
		"/resources/2/ranges/range":                   `[{"begin":8081,"end":8081},{"begin":8080,"end":8080},{"begin":31000,"end":31000},{"begin":53,"end":53}]`,
		"/container/docker/port_mappings/3/protocol":  `"udp"`,
		"/container/docker/port_mappings/4/protocol":  `"tcp"`,
		"/container/docker/port_mappings/4/host_port": "53",
		"/env/PORTS": `"8081,8080,31000,53,53"`,
		"/container/docker/port_mappings/0/labels":     "",
		"/container/docker/port_mappings/0/name":       "",
		"/discovery/ports/ports/0/labels/labels/0/key": `"network-scope"`,
	}},
	{"protocols keep their order, mapping labels go to discovery", bridge(`[{"containerPort":1,"protocol":"tcp,udp","labels":{"VIP_0":"/x:1"}}]`, ""), facts{
		"/container/docker/port_mappings":      `[{"container_port":1,"host_port":31000,"protocol":"tcp"},{"container_port":1,"host_port":31000,"protocol":"udp"}]`,
		"/discovery/ports/ports/1/labels":      `{"labels":[{"key":"VIP_0","value":"/x:1"},{"key":"network-scope","value":"host"}]}`,
		"/discovery/ports/ports/1/protocol":    `"udp"`,
		"/resources/2/ranges/range":            `[{"begin":31000,"end":31000}]`,
		"/container/docker/port_mappings/2":    "",
		"/discovery/ports/ports/0/number":      "31000",
		"/discovery/ports/ports/0/network":     "",
		"/container/docker/parameters/0/value": strconv.Quote("MESOS_TASK_ID=" + taskID),
	}},
	{"port definitions", docker(`"portDefinitions":[{"port":10100,"name":"web","protocol":"udp,tcp","labels":{"a":"b"}},{"port":0}]`), facts{
		"/discovery/ports/ports/0": `{"labels":{"labels":[{"key":"a","value":"b"}]},"name":"web","number":31000,"protocol":"udp"}`,
		"/discovery/ports/ports/2": `{"number":31001,"protocol":"tcp"}`,
		"/env/PORT_10100":          `"31000"`, "/env/PORT_WEB": `"31000"`, "/env/PORT_10000": `"31001"`,
	}},
	{"equal ports and definitions", docker(`"portDefinitions":[{"port":7}],"ports":[7]`), facts{"/env/PORT_7": `"31000"`}},
	{"mappings are dropped on the host network", `{"id":"a","container":{"docker":{"image":"i","portMappings":[{"hostPort":1}]}}}`, facts{
		"/container/docker/port_mappings": "", "/env/PORT_DEFAULT": `"31000"`,
	}},
	{"docker options", `{"id":"a","container":{"docker":{"image":"i","privileged":true,"forcePullImage":true,"parameters":[{"key":"e","value":""},{"key":"e","value":""}]}}}`, facts{
		"/container/docker/privileged": "true", "/container/docker/force_pull_image": "true",
		"/container/docker/parameters/1": `{"key":"e","value":""}`, "/container/docker/parameters/2/key": `"label"`,
	}},
	{"relative host path", `{"id":"a","container":{"docker":{"image":"i"},"volumes":[{"containerPath":"/d","hostPath":"data","mode":"rw"}]}}`, facts{
		"/container/volumes": `[{"container_path":"/d","host_path":"data","mode":"RW"}]`,
	}},
	{"external volume", `{"id":"a","container":{"docker":{"image":"i"},"volumes":[{"containerPath":"/d","mode":"RO","external":{"name":"v","provider":"dvdi","options":{"dvdi/driver":"rexray"}}}]}}`, facts{
		"/container/volumes": `[{"container_path":"/d","mode":"RO","source":{"docker_volume":{"driver":"rexray","name":"v"},"type":"DOCKER_VOLUME"}}]`,
	}},
	{"persistent volume", `{"id":"/g/a","container":{"docker":{"image":"i"},"volumes":[{"containerPath":"data","mode":"RW","persistent":{"size":9}}]}}`, facts{
		"/container/volumes": "", "/resources/3/name": `"disk"`, "/resources/3/scalar/value": "9",
		"/resources/3/disk": `{"persistence":{"id":"g_a#data#11111111-2222-11eb-8dcd-0242ac110002"},"volume":{"container_path":"data","mode":"RW"}}`,
	}},
	{"fetch", docker(`"fetch":[{"uri":"http://h/a.tgz"},{"uri":"b","extract":false,"executable":true,"cache":true,"destPath":"d/e"}]`), facts{
		"/command/uris": `[{"cache":false,"executable":false,"extract":true,"value":"http://h/a.tgz"},{"cache":true,"executable":true,"extract":false,"output_file":"d/e","value":"b"}]`,
	}},
	{"uris", docker(`"uris":["file:///root/.dockercfg","http://h/d.tar.gz?x=1","http://h/d?a.zip"]`), facts{
		"/command/uris/0/extract": "false", "/command/uris/1/extract": "true", "/command/uris/2/extract": "false", "/command/uris/1/cache": "false",
	}},
	{"the app's variables win", docker(`"env":{"HOST":"mine","A":"x=y\nz","S":{"secret":"s"},"PORT0":"1"},"secrets":{"s":{"source":"q"}}`), facts{
		"/env/HOST": `"mine"`, "/env/A": `"x=y\nz"`, "/env/S": "", "/env/PORT0": `"1"`, "/env/PORTS": `"31000"`,
	}},
	{"labels", docker(`"labels":{"a.b/c":"1","é":"2","B":""}`), facts{
		"/labels/labels/0":              `{"key":"a.b/c","value":"1"}`,
		"/env/MARATHON_APP_LABELS":      `"A_B_C _ B"`,
		"/env/MARATHON_APP_LABEL_A_B_C": `"1"`, "/env/MARATHON_APP_LABEL__": `"2"`, "/env/MARATHON_APP_LABEL_B": `""`,
	}},
	{"Marathon's own checks stay with Marathon", docker(`"healthChecks":[{"protocol":"HTTP"},{"protocol":"TCP"},{"protocol":"HTTPS"}]`), facts{"/health_check": ""}},
	{"MESOS_HTTPS over IPv6", bridge(`[{"containerPort":443}]`, `"healthChecks":[{"protocol":"HTTP"},{"protocol":"MESOS_HTTPS","ipProtocol":"IPv6","delaySeconds":1,"maxConsecutiveFailures":0}]`), facts{
		"/health_check/http": `{"port":443,"protocol":"IPv6","scheme":"https"}`, "/health_check/delay_seconds": "1",
		"/health_check/consecutive_failures": "0", "/health_check/grace_period_seconds": "300", "/health_check/interval_seconds": "60",
	}},
	{"MESOS_TCP by index on the host network", docker(`"ports":[0,0],"healthChecks":[{"protocol":"MESOS_TCP","portIndex":1}]`), facts{
		"/health_check/type": `"TCP"`, "/health_check/tcp": `{"port":31001,"protocol":"IPv4"}`,
	}},
	{"health check with container port 0", bridge(`[{}]`, `"healthChecks":[{"protocol":"MESOS_TCP"}]`), facts{"/health_check/tcp/port": "31000"}},
	{"health check with a number", docker(`"ports":[],"healthChecks":[{"protocol":"MESOS_HTTP","port":99,"path":"/x"}]`), facts{
		"/health_check/http": `{"path":"/x","port":99,"protocol":"IPv4","scheme":"http"}`,
	}},
	{"first of several commands", docker(`"healthChecks":[{"protocol":"COMMAND","command":{"value":"a"}},{"protocol":"COMMAND","command":{"value":"b"}}]`), facts{
		"/health_check/command": `{"shell":true,"value":"a"}`,
	}},
	{"check http", bridge(`[{"containerPort":80}]`, `"check":{"http":{"portIndex":0,"path":"/p"}}`), facts{
		"/check": `{"delay_seconds":15,"http":{"path":"/p","port":80},"interval_seconds":60,"timeout_seconds":20,"type":"HTTP"}`,
	}},
	{"check tcp", docker(`"check":{"tcp":{"port":5},"delaySeconds":0}`), facts{"/check/tcp/port": "5", "/check/type": `"TCP"`, "/check/delay_seconds": "0"}},
	{"check shell", docker(`"check":{"exec":{"command":{"shell":"true"}}}`), facts{
		"/check/command/command": `{"shell":true,"value":"true"}`, "/check/type": `"COMMAND"`,
	}},
	{"check argv", docker(`"check":{"exec":{"command":{"argv":["a","b"]}}}`), facts{
		"/check/command/command": `{"arguments":["a","b"],"shell":false,"value":"a"}`,
	}},
	{"path executor with args", docker(`"executor":"/x y","args":["a","b c"],"user":"u","executorResources":{"cpus":0.2}`), facts{
		"/command": "", "/container": "", "/data": "", "/executor/executor_id/value": strconv.Quote("marathon-" + taskID),
		"/executor/command/value": `"chmod ug+rx '/x y' \u0026\u0026 exec '/x y' a b c"`, "/executor/command/shell": "false",
		"/executor/command/arguments": `["a","b c"]`, "/executor/command/user": `"u"`,
		"/executor/resources":              `[{"name":"cpus","scalar":{"value":0.2},"type":"SCALAR"},{"name":"mem","scalar":{"value":32},"type":"SCALAR"},{"name":"disk","scalar":{"value":10},"type":"SCALAR"}]`,
		"/executor/container/docker/image": `"i"`, "/executor/data": "", "/executor/name": "", "/executor/source": "",
	}},
	{"path executor without a command", docker(`"executor":"e"`), facts{
		"/executor/command/value": `"chmod ug+rx 'e' \u0026\u0026 exec 'e' "`, "/executor/command/shell": "false", "/executor/resources": "",
	}},
	{"path executor without a container", `{"id":"/g/a","executor":"/x","cmd":"--flag","user":"root","env":{"A":"b"},"ports":[0],"labels":{"DOCKER_CONTAINER":"{}"}}`, facts{
		"/command": "", "/container": "", "/executor/container": "", "/executor/command/value": `"chmod ug+rx '/x' \u0026\u0026 exec '/x' --flag"`,
		"/executor/command/shell": "true", "/executor/command/user": `"root"`, "/labels/labels": `[{"key":"DOCKER_CONTAINER","value":"{}"}]`,
		"/env/A": `"b"`, "/env/PORT0": `"31000"`, "/env/MARATHON_APP_DOCKER_IMAGE": "", "/resources/2/ranges/range": `[{"begin":31000,"end":31000}]`,
		"/discovery/ports/ports/0/number": "31000",
	}},
	{"command executor by name", docker(`"executor":"//cmd","cmd":"c"`), facts{"/executor": "", "/command/value": `"c"`, "/command/shell": "true"}},
	{"null is absent", docker(`"cmd":null,"args":null,"env":null,"healthChecks":null,"ports":null,"ipAddress":null,"user":null`), facts{
		"/env/PORT_DEFAULT": `"31000"`, "/command/value": "",
	}},
	{"numbers as floats", docker(`"cpus":1e-1,"mem":64.0,"instances":2.0,"ports":[8e1]`), facts{
		"/env/MARATHON_APP_RESOURCE_CPUS": `"0.1"`, "/env/MARATHON_APP_RESOURCE_MEM": `"64.0"`, "/env/PORT_80": `"31000"`,
	}},
	{"group roles", `{"id":"/g","enforceRole":true,"groups":[{"id":"h","apps":[{"id":"a","container":{"docker":{"image":"i"}}}]}]}`, facts{
		"/env/MARATHON_APP_ENFORCE_GROUP_ROLE": `"TRUE"`, "/env/MARATHON_APP_ID": `"/g/h/a"`, "/name": `"a.h.g"`,
	}},
}

func TestBuild(t *testing.T) {
	for _, test := range buildTests {
		t.Run(test.name, func(t *testing.T) { checkFacts(t, taskOf(t, test.app), test.want) })
	}
}

func TestBuildTTY(t *testing.T) {
	if taskOf(t, docker(`"tty":true`)).Container.TTYInfo == nil {
		t.Error("tty true sets no tty_info")
	}
}

func TestBuildUnlimited(t *testing.T) {
	task := taskOf(t, docker(`"resourceLimits":{"mem":"unlimited"}`))
	if limit := task.Limits["mem"].Value; !math.IsInf(limit, 1) {
		t.Errorf("unlimited is %v, want +Inf", limit)
	}
	if _, err := task.Marshal(); err != nil {
		t.Errorf("as protobuf: %v", err)
	}
}

func TestBuildRequirePorts(t *testing.T) {
	want := facts{"/resources/2/ranges/range": `[{"begin":8080,"end":8081}]`, "/env/PORTS": `"8080,8081"`}
	checkFacts(t, taskOf(t, docker(`"requirePorts":true,"ports":[8080,8081]`)), want)
	// requirePorts is about the host's network only.
	want = facts{"/resources/2/ranges/range": `[{"begin":31000,"end":31000}]`}
	checkFacts(t, taskOf(t, bridge(`[{"containerPort":80}]`, `"requirePorts":true,"ports":[8080]`)), want)
}

// TestGeneratedPorts covers mappings with neither host nor container port: their numbers differ, are above 1024 and are the same
// for the same instance.
func TestGeneratedPorts(t *testing.T) {
	app := user(`[{"name":"a"},{"name":"b"},{"containerPort":80,"hostPort":0}]`, "")
	env := func() map[string]string {
		all := map[string]string{}
		for _, v := range taskOf(t, app).Command.Environment.Variables {
			all[v.Name] = *v.Value
		}
		return all
	}
	first := env()
	if diff := cmp.Diff(first, env()); diff != "" {
		t.Errorf("two builds of one instance differ:\n%s", diff)
	}
	a, b := first["PORT0"], first["PORT1"]
	if a == b || first["PORT_A"] != a || first["PORT_"+b] != b || first["PORTS"] != "31000,"+a+","+b || first["PORT"] != "31000" {
		t.Errorf("generated ports: %v", first)
	}
	for _, port := range []string{a, b} {
		if n, err := strconv.Atoi(port); err != nil || n <= 1024 || n > maxPort {
			t.Errorf("generated port %q", port)
		}
	}
}

// TestGeneratedPortsDiffer asks for so many that some would meet by chance.
func TestGeneratedPortsDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, v := range taskOf(t, user(`[`+strings.Repeat("{},", 2000)+`{}]`, "")).Command.Environment.Variables {
		if index, ok := strings.CutPrefix(v.Name, "PORT"); ok && !strings.HasPrefix(index, "_") && index != "" && index != "S" {
			if other, taken := seen[*v.Value]; taken {
				t.Fatalf("%s is that of %s and of %s", *v.Value, v.Name, other)
			}
			seen[*v.Value] = v.Name
		}
	}
	if len(seen) != 2001 {
		t.Errorf("%d ports", len(seen))
	}
}

func TestBuildRefuses(t *testing.T) {
	apps, err := Parse([]byte(bridge(`[{"hostPort":80},{"hostPort":8080}]`, "")))
	if err != nil {
		t.Fatal(err)
	}
	good := exampleOffer(t, "80,8080")
	tests := []struct {
		name  string
		app   App
		offer func(*Offer)
		kind  error
	}{
		{"zero app", App{}, func(*Offer) {}, nil},
		{"no agent", apps[0], func(o *Offer) { o.AgentID = "" }, nil},
		{"uuid with a slash", apps[0], func(o *Offer) { o.InstanceUUID = "a/b" }, nil},
		{"no ports", apps[0], func(o *Offer) { o.Ports = nil }, ErrPortsExhausted},
		{"port outside", apps[0], func(o *Offer) { o.Ports, _ = NewPorts("80") }, ErrPortOutside},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			offer := good
			test.offer(&offer)
			_, err := Build(test.app, offer)
			if err == nil || test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("error is %v, want of kind %v", err, test.kind)
			}
		})
	}
	first, err := Build(apps[0], good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Build(apps[0], good); !errors.Is(err, ErrPortTaken) {
		t.Errorf("second task with the same ports: %v", err)
	}
	good.Ports.Release(HostPorts(first)...)
	if _, err := Build(apps[0], good); err != nil {
		t.Errorf("after the release: %v", err)
	}
}

// TestBuildSharesNothing changes a task in every place that could lead back into the app.
func TestBuildSharesNothing(t *testing.T) {
	apps, err := Parse([]byte(docker(`"args":["a"],"ports":[],"healthChecks":[{"protocol":"MESOS_TCP","port":1}],"check":{"exec":{"command":{"argv":["x"]}}},"labels":{"l":"v"}`)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := Build(apps[0], exampleOffer(t, "1"))
	if err != nil {
		t.Fatal(err)
	}
	want := string(marshal(t, first))
	first.Command.Arguments[0] = "changed"
	*first.HealthCheck.DelaySeconds = 99
	*first.Check.DelaySeconds = 99
	first.Check.Command.Command.Arguments[0] = "changed"
	*first.Labels.Labels[0].Value = "changed"
	*first.Container.Docker.Privileged = true
	second, err := Build(apps[0], exampleOffer(t, "1"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(marshal(t, second)); got != want {
		t.Errorf("a change to a task reached the app:\n%s\n%s", want, got)
	}
}

func TestLabelsTooLongForTheEnvironment(t *testing.T) {
	key, value := strings.Repeat("k", 492), strings.Repeat("v", 511)
	app := fmt.Sprintf(`"labels":{%q:"a","%sk":"b","ok":%q,"long":"%sv"}`, key, key, value, value)
	checkFacts(t, taskOf(t, docker(app)), facts{
		"/env/MARATHON_APP_LABELS":                              strconv.Quote(strings.ToUpper(key) + " OK"),
		"/env/MARATHON_APP_LABEL_OK":                            strconv.Quote(value),
		"/env/MARATHON_APP_LABEL_LONG":                          "",
		"/env/MARATHON_APP_LABEL_" + strings.ToUpper(key):       `"a"`,
		"/env/MARATHON_APP_LABEL_" + strings.ToUpper(key) + "K": "",
		"/labels/labels/3/key":                                  `"long"`,
	})
}

func TestJavaDouble(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 1: "1.0", 0.1: "0.1", 128: "128.0", 0.001: "0.001", 0.0001: "1.0E-4", 0.00015: "1.5E-4",
		9999999: "9999999.0", 1e7: "1.0E7", 16777216: "1.6777216E7", 1e22: "1.0E22",
	} {
		if got := javaDouble(f); got != want {
			t.Errorf("javaDouble(%v) = %s, want %s", f, got, want)
		}
	}
}

func TestServicePorts(t *testing.T) {
	apps, err := Parse([]byte(`[
		{"id":"a","ports":[10000,0,0],"container":{"docker":{"image":"i"}}},
		{"id":"b","ports":[0],"container":{"docker":{"image":"i"}}},
		{"id":"c","networks":[{"mode":"container/bridge"}],"container":{"docker":{"image":"i"},"portMappings":[{"servicePort":10002}]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if err := AssignServicePorts(&apps[0], &apps[1], &apps[2]); err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			app, index int
			port       uint32
		}{{0, 0, 10000}, {0, 1, 10001}, {0, 2, 10003}, {1, 0, 10004}, {2, 0, 0}} {
			if got := apps[want.app].ports[want.index].number; got != want.port {
				t.Errorf("%d %d: %d, want %d", want.app, want.index, got, want.port)
			}
		}
	}
	full := App{ID: "/x", network: network{mode: modeHost}, ports: make([]port, lastServicePort)}
	if err := AssignServicePorts(&full); err == nil || full.ports[9990].number == 0 {
		t.Errorf("%v, and port 9990 is %d: want exhaustion after that", err, full.ports[9990].number)
	}
}
