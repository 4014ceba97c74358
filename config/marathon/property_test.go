package marathon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"
)

// genApp makes valid app definitions of all forms.
func genApp() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		docker := map[string]any{"image": "registry/i:1"}
		container := map[string]any{"docker": docker}
		app := map[string]any{"id": rapid.StringMatching(`(/[a-z0-9]{1,4}){1,3}`).Draw(t, "id") + "/x", "container": container}
		maybe := func(key string, v any) {
			if rapid.Bool().Draw(t, "has "+key) {
				app[key] = v
			}
		}
		mode := rapid.SampledFrom([]string{"host", "container/bridge", "container"}).Draw(t, "mode")
		mapped := mode != "host"
		switch {
		case rapid.Bool().Draw(t, "old network"):
			docker["network"] = map[string]string{"host": "HOST", "container/bridge": "BRIDGE", "container": "USER"}[mode]
			if mode == "container" {
				app["ipAddress"] = map[string]any{"networkName": "n"}
			}
		case mode == "container":
			app["networks"] = []any{map[string]any{"mode": mode, "name": "n"}}
		default:
			app["networks"] = []any{map[string]any{"mode": mode}}
		}
		if mapped && rapid.Bool().Draw(t, "has mappings") {
			mappings := genMappings(t)
			if rapid.Bool().Draw(t, "old mappings") {
				docker["portMappings"] = mappings
			} else {
				container["portMappings"] = mappings
			}
		}
		if !mapped {
			maybe("ports", rapid.SliceOfNDistinct(rapid.IntRange(30000, 30100), 0, 5, rapid.ID).Draw(t, "ports"))
			if app["ports"] != nil { // without, the service port would have to be on offer
				maybe("requirePorts", rapid.Bool().Draw(t, "requirePorts"))
			}
		}
		if rapid.Bool().Draw(t, "cmd") {
			app["cmd"] = rapid.StringN(1, 20, -1).Filter(noNUL).Draw(t, "cmd")
		} else {
			maybe("args", rapid.SliceOf(rapid.String().Filter(noNUL)).Draw(t, "args"))
		}
		text := rapid.MapOf(rapid.StringMatching(`[A-Za-z_.\-/]{1,9}`), rapid.String().Filter(noNUL))
		maybe("env", text.Draw(t, "env"))
		maybe("labels", text.Draw(t, "labels"))
		maybe("cpus", rapid.Float64Range(0, 64).Draw(t, "cpus"))
		maybe("mem", rapid.Float64Range(0, 1e9).Draw(t, "mem"))
		maybe("instances", rapid.IntRange(0, 9).Draw(t, "instances"))
		maybe("taskKillGracePeriodSeconds", rapid.IntRange(0, 1e6).Draw(t, "grace"))
		maybe("executor", rapid.SampledFrom([]string{"", "//cmd", "/x/y"}).Draw(t, "executor"))
		return app
	})
}

func noNUL(s string) bool { return !strings.ContainsRune(s, 0) }

func genMappings(t *rapid.T) []any {
	mappings := []any{}
	fixed := rapid.SliceOfNDistinct(rapid.IntRange(30000, 30100), 0, 4, rapid.ID).Draw(t, "fixed")
	for i := range rapid.IntRange(0, 6).Draw(t, "mappings") {
		m := map[string]any{"protocol": rapid.SampledFrom([]string{"tcp", "udp", "udp,tcp"}).Draw(t, "protocol")}
		switch rapid.IntRange(0, 2).Draw(t, "host port") {
		case 0:
			m["hostPort"] = 0
		case 1:
			if i < len(fixed) {
				m["hostPort"] = fixed[i]
			}
		}
		if rapid.Bool().Draw(t, "has container port") {
			m["containerPort"] = rapid.IntRange(0, maxPort).Draw(t, "container port")
		}
		if rapid.Bool().Draw(t, "has name") {
			m["name"] = fmt.Sprintf("p-%d", i)
		}
		mappings = append(mappings, m)
	}
	return mappings
}

func propertyOffer(t *rapid.T) Offer {
	ports, err := NewPorts("30000-30100,31000-31099")
	if err != nil {
		t.Fatal(err)
	}
	return Offer{AgentID: "S0", Hostname: "h", Ports: ports, InstanceUUID: "u-1"}
}

// TestBuildProperties states what holds for every valid app: it parses and builds; the ports in its resources are exactly the host
// ports that its container and its discovery name; it can be sent; the same offer gives the same task; and a release gives back all
// that was drawn.
func TestBuildProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		definition := genApp().Draw(t, "app")
		data, err := json.Marshal(definition)
		if err != nil {
			t.Fatal(err)
		}
		apps, err := Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		offer := propertyOffer(t)
		task, err := Build(apps[0], offer)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		checkPorts(t, apps[0], task)
		if _, err := task.Marshal(); err != nil {
			t.Errorf("as protobuf: %v", err)
		}
		again, err := Build(apps[0], propertyOffer(t))
		if diff := cmp.Diff(task, again); err != nil || diff != "" {
			t.Errorf("a second build differs: %v\n%s", err, diff)
		}
		offer.Ports.Release(HostPorts(task)...)
		if _, err := offer.Ports.Draw(make([]uint32, 201)); err != nil {
			t.Errorf("not everything was released: %v", err)
		}
	})
}

func checkPorts(t *rapid.T, app App, task mesos.TaskInfo) {
	info, command := task.Container, task.Command
	if task.Executor != nil {
		info, command = task.Executor.Container, task.Executor.Command
	}
	used := map[uint32]bool{}
	for _, m := range info.Docker.PortMappings {
		used[m.HostPort] = true
		if m.ContainerPort == 0 {
			t.Errorf("container port 0 is mapped from %d", m.HostPort)
		}
	}
	discovered := map[uint32]bool{}
	for _, p := range task.Discovery.Ports.Ports {
		if p.Labels == nil || slices.ContainsFunc(p.Labels.Labels, func(l mesos.Label) bool { return *l.Value == "host" }) {
			discovered[p.Number] = true
		}
	}
	if !app.network.mode.mapped() {
		used = discovered
	}
	held := map[uint32]bool{}
	for _, port := range HostPorts(task) {
		if held[port] {
			t.Errorf("port %d is twice in the resources", port)
		}
		held[port] = true
	}
	if diff := cmp.Diff(used, held); diff != "" {
		t.Errorf("ports used (-) and held (+):\n%s", diff)
	}
	if diff := cmp.Diff(discovered, held); diff != "" {
		t.Errorf("ports discovered (-) and held (+):\n%s", diff)
	}
	names := map[string]bool{}
	for _, v := range command.Environment.Variables {
		if names[v.Name] {
			t.Errorf("variable %s is set twice", v.Name)
		}
		names[v.Name] = true
	}
}

// FuzzParse looks for documents that crash, and for apps that Parse accepts and Build does not.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("seeds: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var example struct {
			App json.RawMessage `json:"app"`
		}
		if err := json.Unmarshal(data, &example); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(example.App))
	}
	for _, seed := range []string{
		``, `[`, `[[]]`, `{"id":"/g","apps":[{"id":"a","container":{"docker":{"image":"i"}}}],"groups":[{}]}`, `{"a":"\ud800","a":1e999}`,
		user(`[{},{"name":"a"}]`, `"check":{"tcp":{}},"resourceLimits":{"cpus":"unlimited"}`),
		docker(`"cpus":"1","args":[1],"tty":"true","x":1,"env":{"A":1,"A":"2"}`), `{"app":{"id":"a"}}`, `{"queue":[{"app":{}}]}`, "{,}", "{'a':1}", "[1,]//",
		external(`"name":"v","provider":"dvdi","options":{"dvdi/driver":"d"}`), "\ufeff{}", "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, strict := Parse(data)
		apps, warnings, err := ParseTolerant(data)
		if (err == nil) != (len(apps) > 0) {
			t.Fatalf("%d apps with error %v", len(apps), err)
		}
		if (strict == nil) != (err == nil && len(warnings) == 0) {
			t.Fatalf("to be strict %v, else %v with warnings %v", strict, err, warnings)
		}
		if err != nil && err.Error() == "" {
			t.Fatal("an error without a word")
		}
		for _, app := range apps {
			ports, _ := NewPorts("1-65535")
			if err := AssignServicePorts(&app); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			task, err := Build(app, Offer{AgentID: "a", InstanceUUID: "u", Ports: ports})
			if err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if _, err := task.Marshal(); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if app.ID == "" || app.Instances < 0 {
				t.Fatalf("app %q with %d instances", app.ID, app.Instances)
			}
		}
	})
}
