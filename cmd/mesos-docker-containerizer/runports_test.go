package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/input"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// somePort returns a free port, another one in each test that runs at the same time, most likely.
func somePort(t *testing.T) uint32 {
	t.Helper()
	for range 100 {
		port := 20000 + rand.Uint32N(10000)
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// networked is an app with one host port of any number.
func networked(t *testing.T, id, script, network string) string {
	t.Helper()
	return strings.Replace(shell(t, id, script, ""), `"network": "NONE"`, map[string]string{
		"host":   `"network": "HOST"`,
		"bridge": `"network": "BRIDGE", "portMappings": [{"containerPort": 80, "hostPort": 0}]`,
	}[network], 1)
}

// TestRunsAtOnceHavePortsOfTheirOwn runs one app three times. On the host's network nothing ever listens on its port, so that
// only the runs themselves know of it.
func TestRunsAtOnceHavePortsOfTheirOwn(t *testing.T) {
	for _, network := range []string{"host", "bridge"} {
		t.Run(network, func(t *testing.T) {
			id := unique(t)
			app := file(t, networked(t, id, "echo port $PORT0; sleep 600", network))
			var runs []*process
			for range 3 {
				runs = append(runs, start(t, "run", "--output=json", "--for=3s", app))
			}
			owner := map[string]int{}
			for i, p := range runs {
				p.wantStatus(exitOK)
				for _, e := range p.events() {
					if e.Event != "output" {
						continue
					}
					if other, taken := owner[e.Line]; taken || !strings.HasPrefix(e.Line, "port 3") {
						t.Errorf("run %d has %s, run %d too", i, e.Line, other)
					}
					owner[e.Line] = i
				}
			}
			if len(owner) != len(runs) {
				t.Errorf("ports are %v", owner)
			}
			nothingLeft(t, id)
		})
	}
}

// TestKilledRunHoldsNoPort has two apps that want the same port.
func TestKilledRunHoldsNoPort(t *testing.T) {
	id, next := unique(t), unique(t)+"-next"
	ports := fmt.Sprintf("--ports=%d", somePort(t))
	p := start(t, "run", "--output=json", ports, file(t, networked(t, id, "sleep 600", "host")))
	p.await("TASK_RUNNING")
	app := file(t, networked(t, next, "true", "host"))
	refused := start(t, "run", ports, app)
	refused.wantStatus(exitUsage)
	if want := fmt.Sprintf("held by another run (process %d ", p.command.Process.Pid); !strings.Contains(refused.err(), want) {
		t.Errorf("the message lacks %q", want)
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
	start(t, "run", ports, app).wantStatus(exitOK)
	nothingLeft(t, next)
}

// TestPublishedPortIsPassedOver has a container that is none of ours.
func TestPublishedPortIsPassedOver(t *testing.T) {
	docker, port := environment.Engine(t), somePort(t)
	ctx := context.Background()
	foreign, err := docker.ContainerCreate(ctx,
		&container.Config{Image: environment.Busybox(t), Cmd: []string{"sleep", "600"}, Labels: map[string]string{testimage.Label: ""},
			ExposedPorts: nat.PortSet{"80/tcp": {}}},
		&container.HostConfig{PortBindings: nat.PortMap{"80/tcp": {{HostPort: fmt.Sprint(port)}}}}, nil, nil, unique(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := docker.ContainerRemove(ctx, foreign.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}()
	if err := docker.ContainerStart(ctx, foreign.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	id := unique(t)
	p := start(t, "run", fmt.Sprintf("--ports=%d", port), file(t, networked(t, id, "true", "bridge")))
	p.wantStatus(exitUsage)
	if want := fmt.Sprintf("%d: published by the Docker Engine", port); !strings.Contains(p.err(), want) {
		t.Errorf("the message lacks %q", want)
	}
}

// TestPortsThatAppsName needs no --ports; with it, the message says which would do.
func TestPortsThatAppsName(t *testing.T) {
	id, port := unique(t), somePort(t)
	app := strings.Replace(shell(t, id, "echo port $PORT0", ""), `"network": "NONE"`,
		fmt.Sprintf(`"network": "BRIDGE", "portMappings": [{"containerPort": 80, "hostPort": %d}]`, port), 1)
	path := file(t, app)
	p := start(t, "run", path)
	p.wantStatus(exitOK)
	if want := fmt.Sprintf("port %d", port); !strings.Contains(p.out(), want) {
		t.Errorf("the output lacks %q", want)
	}
	p = startWith(t, func(c *exec.Cmd) { c.Env = append(c.Env, "DOCKER_HOST=unix:///no/such/socket") }, "run", "--ports=31000-31009", path)
	p.wantStatus(exitUsage)
	for _, want := range []string{fmt.Sprintf("--ports=31000-31009,%d has", port), fmt.Sprintf("%d (app /%s)", port, id)} {
		if strings.Count(p.err(), want) != 1 {
			t.Errorf("the message does not say once %q", want)
		}
	}
	nothingLeft(t, id)
}

func TestOfferedPorts(t *testing.T) {
	named := []input.NamedPort{{Port: 80, By: []string{"app /a", "app /b"}}, {Port: 31005, By: []string{"task t"}}}
	for flag, want := range map[string]string{
		"":               "31000-32000",
		"80,31000-31010": "80,31000-31010",
		"31000-31010":    "! --ports=31000-31010: not among these are host ports that are asked for by number: 80 (app /a, app /b); --ports=31000-31010,80 has them",
		"90":             "! --ports=90: not among these are host ports that are asked for by number: 80 (app /a, app /b), 31005 (task t); --ports=90,80,31005 has them",
		"x":              "! --ports: port range \"x\": accepted are a port of 1 to 65535 or two as in 31000-32000",
	} {
		ports, err := offeredPorts(flag, named)
		if message, refused := strings.CutPrefix(want, "! "); refused {
			if err == nil || err.Error() != message {
				t.Errorf("%q: %v, want %s", flag, err, message)
			}
			continue
		}
		if err != nil || ports.String() != want || !ports.Offers(80) {
			t.Errorf("%q: %v, %v", flag, ports, err)
		}
	}
}
