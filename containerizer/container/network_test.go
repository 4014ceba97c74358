package container

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// networkCase is an Engine that refuses the first start of a container, which is on some networks afterwards, and does a second.
type networkCase struct {
	mode      string
	asked     []string // networks of the create; none means that the mode says all
	left      []string // networks after the refusal
	inherited bool     // an earlier daemon has asked for the start
	starts    int32    // that are wanted
}

// Engine 29 takes a container off the network on which its start has failed, and then starts it without. An Engine before it does not.
func TestStartOfAContainerThatLostItsNetwork(t *testing.T) {
	for name, test := range map[string]networkCase{
		"bridge":                        {"bridge", nil, nil, false, 1},
		"bridge is kept":                {"bridge", nil, []string{"bridge"}, false, 2},
		"the default":                   {"default", nil, nil, false, 1},
		"the default is kept":           {"default", nil, []string{"bridge"}, false, 2},
		"one of two":                    {"blue", []string{"blue", "red"}, []string{"red"}, false, 1},
		"two are kept":                  {"blue", []string{"blue", "red"}, []string{"blue", "red"}, false, 2},
		"host":                          {"host", nil, []string{"host"}, false, 2},
		"none":                          {"none", nil, []string{"none"}, false, 2},
		"another container's":           {"container:" + strings.Repeat("a", 64), nil, nil, false, 2},
		"before this daemon":            {"bridge", nil, nil, true, 0},
		"none lost before this daemon":  {"bridge", nil, []string{"bridge"}, true, 2},
		"another's, before this daemon": {"container:" + strings.Repeat("a", 64), nil, nil, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var starts atomic.Int32
			c := New(Options{Engine: test.engine(t, &starts), Owner: closing{}, Name: "x", Late: new(LateRemovals), Logger: zap.NewNop()})
			if test.inherited {
				if found, err := c.Find(t.Context()); found == nil || err != nil {
					t.Fatal(found, err)
				}
			} else {
				spec := Spec{Config: &container.Config{}, HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(test.mode)}}
				if test.asked != nil {
					spec.Networking = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
				}
				for _, name := range test.asked {
					spec.Networking.EndpointsConfig[name] = &network.EndpointSettings{}
				}
				if _, err := c.Create(t.Context(), spec); err != nil {
					t.Fatal(err)
				}
			}
			err := c.Start(t.Context())
			if n := starts.Load(); n != test.starts {
				t.Errorf("%d starts, want %d", n, test.starts)
			}
			if lost := test.starts < 2; lost != errors.Is(err, errNetworkLost) || !lost && err != nil || test.starts == 1 && !engine.IsInternal(err) {
				t.Errorf("the start ends with %v", err)
			}
		})
	}
}

// A stop that was ordered is told as such, also of a container that has lost its network before.
func TestStopOfAContainerThatLostItsNetwork(t *testing.T) {
	var starts atomic.Int32
	c := New(Options{Engine: networkCase{mode: "bridge"}.engine(t, &starts), Owner: closing{}, Name: "x", Late: new(LateRemovals), Logger: zap.NewNop()})
	if found, err := c.Find(t.Context()); found == nil || err != nil {
		t.Fatal(found, err)
	}
	c.StopWithin(0)
	if err := c.Start(t.Context()); !errors.Is(err, ErrStopped) || starts.Load() != 0 {
		t.Errorf("%d starts, %v", starts.Load(), err)
	}
}

func (n networkCase) engine(t *testing.T, starts *atomic.Int32) *engine.Client {
	var networks []string
	for _, name := range n.left {
		networks = append(networks, fmt.Sprintf("%q: {}", name))
	}
	return refusingOnce(t, "0123", starts, func() string {
		state := `{"Status": "created"}`
		if starts.Load() > 1 {
			state = `{"Status": "running", "StartedAt": "2026-01-02T03:04:05Z"}`
		}
		return fmt.Sprintf(`{"Id": "0123", "Name": "/x", "State": %s, "Config": {}, "HostConfig": {"NetworkMode": %q}, "NetworkSettings": {"Networks": {%s}}}`,
			state, n.mode, strings.Join(networks, ","))
	})
}
