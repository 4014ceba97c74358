package dockercli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/memoryregistry"
)

// agentRead is one thing that released agents read of an answer, as their sources have it. The page has a row for each.
type agentRead struct {
	releases, call, field, absence string

	// holds reads it of the object that inspect printed, as an agent does.
	holds func(object map[string]any) error
}

const (
	ofImages     = "`inspect` of an image"
	ofContainers = "`inspect` of a container"
	noLaunch     = "the launch fails: \"Unable to find …\""
	noInspect    = "the inspect fails: a launch fails, a recovering agent ends"
	optional     = "none; a value of another type fails the inspect"
)

// agentReads are the reads of inspects, by Mesos 0.23.0 to 1.11.0 and ClusterD 0.5.1 to main.
var agentReads = []agentRead{
	{"Mesos, all", ofImages, "`ContainerConfig.Entrypoint`", noLaunch, func(o map[string]any) error {
		return agentStrings(o, "ContainerConfig.Entrypoint")
	}},
	{"Mesos from 0.27.0", ofImages, "`ContainerConfig.Env`", noLaunch, func(o map[string]any) error {
		return agentEnv(o, "ContainerConfig.Env")
	}},
	{"ClusterD to 0.8.0", ofImages, "`ContainerConfig.Entrypoint`, else `Config.Entrypoint`", noLaunch, func(o map[string]any) error {
		if agentPresent(o, "ContainerConfig.Entrypoint") {
			return agentStrings(o, "ContainerConfig.Entrypoint")
		}
		return agentStrings(o, "Config.Entrypoint")
	}},
	{"ClusterD to 0.8.0", ofImages, "`Config.Env` where there is `Config.Entrypoint`, else `ContainerConfig.Env`", noLaunch, func(o map[string]any) error {
		if agentPresent(o, "Config.Entrypoint") {
			return agentEnv(o, "Config.Env")
		}
		return agentEnv(o, "ContainerConfig.Env")
	}},
	{"ClusterD 0.9.0, main", ofImages, "`Config`", "the launch fails: \"Unexpected type found …\"", func(o map[string]any) error {
		if _, ok := o["Config"].(map[string]any); !ok {
			return errors.New("not an object")
		}
		return nil
	}},
	{"ClusterD 0.9.0, main", ofImages, "`Config.Env`", noLaunch, func(o map[string]any) error { return agentEnv(o, "Config.Env") }},
	{"all", ofContainers, "`Id`", noInspect, func(o map[string]any) error { return agentText(o, "Id") }},
	{"all", ofContainers, "`Name`", noInspect, func(o map[string]any) error { return agentText(o, "Name") }},
	{"all", ofContainers, "`State.Pid`", noInspect, func(o map[string]any) error {
		value, err := agentFind(o, "State.Pid")
		if _, ok := value.(float64); err == nil && !ok {
			err = fmt.Errorf("%v is not a number", value)
		}
		return err
	}},
	{"all", ofContainers, "`State.StartedAt`", noInspect, func(o map[string]any) error { return agentText(o, "State.StartedAt") }},
	{"Mesos 0.24.0 to 0.27.3", ofContainers, "`NetworkSettings.IPAddress`", noInspect, func(o map[string]any) error {
		return agentText(o, "NetworkSettings.IPAddress")
	}},
	{"Mesos from 0.28.0, ClusterD", ofContainers, "`NetworkSettings.Networks.MODE.IPAddress` (MODE is `HostConfig.NetworkMode`), else `NetworkSettings.IPAddress`",
		noInspect, func(o map[string]any) error {
			mode, _ := agentFind(o, "HostConfig.NetworkMode")
			if name, ok := mode.(string); ok && agentText(o, "NetworkSettings.Networks."+name+".IPAddress") == nil {
				return nil
			}
			return agentText(o, "NetworkSettings.IPAddress")
		}},
	{"Mesos from 1.0.0, ClusterD", ofContainers, "`HostConfig.Devices[]`", optional, func(o map[string]any) error {
		return arrayOf(o, "HostConfig.Devices", func(v any) bool {
			device, _ := v.(map[string]any)
			return agentText(device, "PathOnHost") == nil && agentText(device, "PathInContainer") == nil && agentText(device, "CgroupPermissions") == nil
		})
	}},
	{"Mesos from 1.4.0, ClusterD", ofContainers, "`HostConfig.Dns[]`, `.DnsOptions[]`, `.DnsSearch[]`", optional, func(o map[string]any) error {
		return errors.Join(agentStrings(o, "HostConfig.Dns"), agentStrings(o, "HostConfig.DnsOptions"), agentStrings(o, "HostConfig.DnsSearch"))
	}},
	{"Mesos from 1.5.0, ClusterD", ofContainers, "`NetworkSettings.Networks.MODE.GlobalIPv6Address`", "none", func(map[string]any) error { return nil }},
}

// agentPresent tells whether an agent finds a path, be it null.
func agentPresent(o map[string]any, path string) bool {
	parent, name, deeper := strings.Cut(path, ".")
	if !deeper {
		_, found := o[parent]
		return found
	}
	inner, _ := o[parent].(map[string]any)
	return agentPresent(inner, name)
}

// agentText reads a string that must be there.
func agentText(o map[string]any, path string) error {
	value, err := agentFind(o, path)
	if _, ok := value.(string); err == nil && !ok {
		err = fmt.Errorf("%v is not a string", value)
	}
	return err
}

// agentStrings reads strings. A member of HostConfig may be left out.
func agentStrings(o map[string]any, path string) error {
	if !strings.HasPrefix(path, "HostConfig.") && !agentPresent(o, path) {
		return errors.New("missing")
	}
	return arrayOf(o, path, func(v any) bool { _, ok := v.(string); return ok })
}

// agentEnv reads an environment: null, or entries NAME=VALUE with a name each.
func agentEnv(o map[string]any, path string) error {
	if err := agentStrings(o, path); err != nil {
		return err
	}
	found, err := agentFind(o, path)
	names := map[string]bool{}
	entries, _ := found.([]any)
	for _, entry := range entries {
		name, _, ok := strings.Cut(entry.(string), "=")
		if !ok || names[name] {
			return fmt.Errorf("an entry of %v that agents refuse", entries)
		}
		names[name] = true
	}
	return err
}

// checkAgentReads holds what inspect printed, of one object, against all that agents read of it.
func checkAgentReads(t *testing.T, name, call, printed string) {
	t.Helper()
	var objects []map[string]any
	if err := json.Unmarshal([]byte(printed), &objects); err != nil || len(objects) != 1 {
		t.Fatalf("%s: %d objects, %v, in %s", name, len(objects), err, printed)
	}
	for _, read := range agentReads {
		if read.call != call {
			continue
		}
		if err := read.holds(objects[0]); err != nil {
			t.Errorf("%s: %s, %s: %v", name, read.releases, read.field, err)
		}
	}
}

// The page tells of every read.
func TestAgentReadsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range agentReads {
		row := fmt.Sprintf("| %s | %s | %s | %s |\n", read.releases, read.call, read.field, read.absence)
		if !strings.Contains(string(page), row) {
			t.Errorf("%s lacks the row %s", documentation, row)
		}
	}
}

// Every agent reads every answer of this Engine: images that are there and images whose pull was deferred, containers of every kind.
func TestAgentsReadTheAnswersOfThisEngine(t *testing.T) {
	t.Parallel()
	r := memoryregistry.New(t)
	r.Gate = make(chan struct{})
	defer close(r.Gate)
	d, b := newDocker(t, environment.Socket(t), withImages(t, image.Options{}), deferring), newBench(t)
	if got := answer(t.Context(), d, "pull", r.Ref()); got.Status != statusOK {
		t.Fatalf("%+v", got)
	}
	checkAgentReads(t, "deferred", ofImages, answer(t.Context(), d, "inspect", r.Ref()).Stdout)
	checkAgentReads(t, "present", ofImages, answer(t.Context(), d, "inspect", b.image).Stdout)
	for name, change := range map[string]func(*container.Config, *container.HostConfig){
		"bridge": func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = "bridge" },
		"host":   func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = "host" },
		"full": func(_ *container.Config, h *container.HostConfig) {
			h.NetworkMode, h.DNS, h.DNSOptions, h.DNSSearch = "bridge", []string{"192.0.2.1"}, []string{"ndots:1"}, []string{"example"}
			h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "rw"}}
		},
	} {
		created, running, exited := b.create(uniqueName(), "true", change), b.run(uniqueName(), "sleep 1000", change), b.run(uniqueName(), "exit 3", change)
		b.awaitState(exited, "exited")
		for state, id := range map[string]string{"created": created, "running": running, "exited": exited} {
			checkAgentReads(t, name+", "+state, ofContainers, answer(t.Context(), d, "inspect", id).Stdout)
		}
	}
}

// Every agent reads what is made of the answers of Engines that leave fields out, or give null.
func TestAgentsReadTheAnswersOfEveryEngine(t *testing.T) {
	bridge := captured(t, "testdata/inspect-bridge.json")
	for name, raw := range map[string]json.RawMessage{
		"Engine 20.10": bridge, "Engine 20.10, host": captured(t, "testdata/inspect-host.json"), "Engine 29": asEngine29(t, bridge),
		"no list":  json.RawMessage(`{"Id":"1","Name":"/1","State":{"Pid":0,"StartedAt":""},"HostConfig":{"NetworkMode":"bridge"},"NetworkSettings":{"Networks":null}}`),
		"nulls":    json.RawMessage(`{"Id":"1","Name":"/1","State":{"Pid":0,"StartedAt":""},"HostConfig":{"Devices":null,"Dns":null},"NetworkSettings":{"IPAddress":null}}`),
		"left out": json.RawMessage(`{"Id":"1","Name":"/1","State":{"Pid":0,"StartedAt":""}}`),
	} {
		for how, change := range map[string]func(json.RawMessage) (json.RawMessage, error){"": completeContainer, ", gone": ended} {
			completed, err := change(raw)
			if err != nil {
				t.Fatal(err)
			}
			checkAgentReads(t, name+how, ofContainers, printed(t, completed))
		}
	}
	for name, raw := range imagesOfEngines {
		completed, err := completeImage(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		checkAgentReads(t, name, ofImages, printed(t, completed))
	}
	pending, err := pendingImage("app:1")
	if err != nil {
		t.Fatal(err)
	}
	checkAgentReads(t, "deferred", ofImages, printed(t, pending))
}

// Each read fails where it has to, so none of them holds by accident.
func TestAgentReadsFailWithoutTheField(t *testing.T) {
	for _, read := range agentReads {
		broken := map[string]any{"Config": nil}
		if read.absence == optional {
			broken["HostConfig"] = map[string]any{"Devices": []any{1}, "Dns": []any{1}}
		}
		if read.absence != "none" && read.holds(broken) == nil {
			t.Errorf("%s, %s holds without it", read.releases, read.field)
		}
	}
	twice := map[string]any{"Config": map[string]any{"Env": []any{"A=1", "A=2"}}}
	if agentEnv(twice, "Config.Env") == nil {
		t.Error("a name twice is taken")
	}
}
