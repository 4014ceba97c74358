package dockercli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/test/environment"
)

// captured is the one object that a docker answered to an agent.
func captured(t testing.TB, path string) json.RawMessage {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var array []json.RawMessage
	if err := json.Unmarshal(content, &array); err != nil || len(array) != 1 {
		t.Fatalf("%s: %d objects, %v", path, len(array), err)
	}
	return array[0]
}

// asEngine29 leaves out of an inspect what Engines have dropped from API 1.52 on: the copies of the default network's endpoint at the
// top of NetworkSettings.
func asEngine29(t testing.TB, raw json.RawMessage) json.RawMessage {
	t.Helper()
	raw, err := edit(raw, "NetworkSettings", func(settings *object) bool {
		var left object
		for _, m := range *settings {
			switch m.name {
			case "Bridge", "HairpinMode", "LinkLocalIPv6Address", "LinkLocalIPv6PrefixLen", "SecondaryIPAddresses", "SecondaryIPv6Addresses",
				"EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen", "IPv6Gateway", "MacAddress":
			default:
				left = append(left, m)
			}
		}
		*settings = left
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// printed is an object as inspect prints it.
func printed(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var out bytes.Buffer
	if err := writeObjects(Call{Stdout: &out}, []json.RawMessage{raw}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCapturedInspectsStayAsTheyAre(t *testing.T) {
	for _, path := range []string{"testdata/inspect-bridge.json", "testdata/inspect-host.json"} {
		raw, err := completeContainer(captured(t, path))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), printed(t, raw)); diff != "" {
			t.Errorf("%s was changed:\n%s", path, diff)
		}
	}
}

func TestAddressIsAddedWhereTheEngineHasDroppedIt(t *testing.T) {
	for _, path := range []string{"testdata/inspect-bridge.json", "testdata/inspect-host.json"} {
		original := captured(t, path)
		raw, err := completeContainer(asEngine29(t, original))
		if err != nil {
			t.Fatal(err)
		}
		want, err := parseAsAgent(printed(t, original))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseAsAgent(printed(t, raw)); err != nil || got != want {
			t.Errorf("%s: an agent reads %+v, %v; of the original %+v", path, got, err, want)
		}
	}
}

func TestAddressIsThatOfTheRightNetwork(t *testing.T) {
	const id = "e0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcde"
	const networks = `{"bridge":{"IPAddress":"10.0.0.1","NetworkID":"aa"},"web.front":{"IPAddress":"10.0.0.2","NetworkID":"` + id + `"},
		"b[0]":{"IPAddress":"10.0.0.3","NetworkID":"bb"}}`
	for mode, want := range map[string]string{
		"bridge": "10.0.0.1", "default": "10.0.0.1", "web.front": "10.0.0.2", id: "10.0.0.2", id[:12]: "10.0.0.2", "b[0]": "10.0.0.3",
		"container:0123": "", "host": "", "none": "", "absent": "",
	} {
		raw, err := completeContainer(json.RawMessage(`{"Id":"1","Name":"/1","State":{"Pid":0,"StartedAt":""},` +
			`"HostConfig":{"NetworkMode":"` + mode + `"},"NetworkSettings":{"Networks":` + networks + `,"Unknown":1.50}}`))
		if err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		if got, err := parseAsAgent(printed(t, raw)); err != nil || got.IPv4 != want {
			t.Errorf("%s: an agent finds the address %q, %v; want %q", mode, got.IPv4, err, want)
		}
		if !strings.Contains(string(raw), `"Unknown":1.50`) {
			t.Errorf("%s: a field was changed: %s", mode, raw)
		}
	}
}

func TestNoSettingsAtAll(t *testing.T) {
	for _, raw := range []string{`{}`, `{"NetworkSettings":null}`, `{"NetworkSettings":{}}`, `{"NetworkSettings":{"IPAddress":null}}`} {
		got, err := completeContainer(json.RawMessage(raw))
		if want := `{"NetworkSettings":{"IPAddress":""}}`; err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", raw, got, err, want)
		}
	}
	for _, raw := range []string{``, `[]`, `{`, `{"NetworkSettings":[]}`, `{"NetworkSettings":"x"}`} {
		if got, err := completeContainer(json.RawMessage(raw)); err == nil {
			t.Errorf("%q was read as %s", raw, got)
		}
	}
}

// A container that is gone has no process: the id may be another's by now, and agents signal it.
func TestEndedHasNoProcess(t *testing.T) {
	raw, err := ended(asEngine29(t, captured(t, "testdata/inspect-bridge.json")))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseAsAgent(printed(t, raw))
	if err != nil || got.PID != 0 || !got.Started || got.IPv4 != "172.17.0.2" {
		t.Errorf("an agent reads %+v, %v", got, err)
	}
	var typed container.InspectResponse
	if err := json.Unmarshal(raw, &typed); err != nil || typed.State.Running || typed.State.Status != container.StateDead {
		t.Errorf("state %+v, %v", typed.State, err)
	}
}

// Every network mode of a real Engine is read by an agent, as that Engine answers and as a later one would.
func TestAgentsReadEveryNetworkMode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	base := uniqueName()
	ids := map[string]string{}
	for _, name := range []string{base + "-plain", base + ".with.dots"} {
		created, err := b.api.NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge"})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = created.ID
		t.Cleanup(func() {
			if err := b.api.NetworkRemove(context.Background(), created.ID); err != nil {
				t.Error(err)
			}
		})
	}
	first := b.run(base+"-first", "sleep 1000", func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = "bridge" })
	for mode, hasAddress := range map[string]bool{
		"bridge": true, "default": true, "": true, "host": false, "none": false, "container:" + first: false, "container:" + base + "-first": false,
		base + "-plain": true, base + ".with.dots": true, ids[base+"-plain"]: true, ids[base+".with.dots"][:12]: true,
	} {
		name := uniqueName()
		id := b.run(name, "sleep 1000", func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = container.NetworkMode(mode) })
		got := answer(t.Context(), d, "inspect", "--type=container", name)
		if c, err := parseAsAgent(got.Stdout); err != nil || c.ID != id || c.PID == 0 || !c.Started {
			t.Errorf("network mode %q: %+v, %v", mode, c, err)
		}
		typed, content, err := b.api.ContainerInspectWithRaw(t.Context(), id, false)
		if err != nil {
			t.Fatal(err)
		}
		later, err := completeContainer(asEngine29(t, content))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := parseAsAgent(printed(t, later)); err != nil || (c.IPv4 != "") != hasAddress {
			t.Errorf("network mode %q (%s): of a later Engine an agent reads %+v, %v", mode, typed.HostConfig.NetworkMode, c, err)
		}
		b.remove(id)
	}
	b.remove(first)
}

func FuzzCompleteContainer(f *testing.F) {
	f.Add([]byte(captured(f, "testdata/inspect-bridge.json")))
	f.Add([]byte(`{"NetworkSettings":{"Networks":{"a":null}},"HostConfig":{"NetworkMode":"a"}}`))
	f.Add([]byte(`{"NetworkSettings":null,"State":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, change := range []func(json.RawMessage) (json.RawMessage, error){completeContainer, ended} {
			got, err := change(content)
			if err != nil {
				continue
			}
			var whole, settings object
			if json.Unmarshal(got, &whole) != nil || json.Unmarshal(whole.at("NetworkSettings"), &settings) != nil || settings.at("IPAddress") == nil {
				t.Errorf("%s was made of %q", got, content)
			}
			again, err := change(got)
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("a second time: %s, %v", again, err)
			}
		}
	})
}
