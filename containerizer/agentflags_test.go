package containerizer

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/agentflag"
)

// What the agent says wins, what it does not say is the daemon's, and nobody but an agent's own executor may say it.
func TestAgentFlagsWin(t *testing.T) {
	said := &wire.AgentFlags{CgroupsEnableCFS: new(true), DefaultContainerDNS: json.RawMessage(`{"docker": [{"network_mode": "BRIDGE", "dns": {"search": ["agents"]}}]}`)}
	for name, test := range map[string]struct {
		attach wire.Attach
		user   *policy.User
		heeded bool
	}{
		"as drop-in":             {wire.Attach{Route: wire.RouteDropIn, AgentFlags: said}, nil, true},
		"nothing said":           {wire.Attach{Route: wire.RouteDropIn}, nil, false},
		"said to be empty":       {wire.Attach{Route: wire.RouteDropIn, AgentFlags: &wire.AgentFlags{}}, nil, false},
		"custom executor":        {wire.Attach{Route: wire.RouteCustom, AgentFlags: said}, nil, false},
		"executor of a stranger": {wire.Attach{Route: wire.RouteDropIn, AgentFlags: said}, &policy.User{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{attach: test.attach, user: test.user}
			ours := &agentflag.ContainerDNS{}
			options := runspec.Options{DefaultContainerDNS: ours}
			if err := s.heedAgent(&options); err != nil {
				t.Fatal(err)
			}
			if options.CgroupsEnableCFS != test.heeded || (options.DefaultContainerDNS != ours) != test.heeded {
				t.Errorf("quota %v, DNS %+v", options.CgroupsEnableCFS, options.DefaultContainerDNS)
			}
		})
	}
	s := &session{attach: wire.Attach{Route: wire.RouteDropIn, AgentFlags: &wire.AgentFlags{
		CgroupsEnableCFS: new(false), DefaultContainerDNS: json.RawMessage(`{"docker": [{"network_mode": "HOST"}]}`),
	}}}
	options := runspec.Options{CgroupsEnableCFS: true}
	err := s.heedAgent(&options)
	if err == nil || !strings.Contains(err.Error(), "the agent's flag default_container_dns") {
		t.Errorf("error %v", err)
	}
	if options.CgroupsEnableCFS {
		t.Error("the agent's false did not win")
	}
}

func TestAgentWithAnotherEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(socket, link); err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for agents, want := range map[string]int{"": 0, socket: 0, link: 0, "/nowhere/docker.sock": 1, "/dev/null": 1} {
		s := &session{
			server: &Server{engine: e},
			attach: wire.Attach{Route: wire.RouteDropIn, AgentFlags: &wire.AgentFlags{DockerSocket: agents}},
		}
		got := s.differences()
		if len(got) != want {
			t.Errorf("%s: %v", agents, got)
		}
		for _, text := range got {
			mustName(t, text, agents, socket)
		}
	}
}
