package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// grace is how long tasks may take to stop, unless they say otherwise.
const grace = 500 * time.Millisecond

var launched atomic.Int64

// dockerTask is a command task in the host's network.
func dockerTask(t *testing.T, image string, command mesos.CommandInfo) mesos.TaskInfo {
	t.Helper()
	id := fmt.Sprintf("%s.%d", strings.ReplaceAll(t.Name(), "/", "."), launched.Add(1))
	docker := mesos.ContainerInfo_DockerInfo{Image: image, Network: mesos.ContainerInfo_DockerInfo_HOST.Enum()}
	return mesos.TaskInfo{
		Name: "e2e", TaskID: mesos.TaskID{Value: id},
		Container:  &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &docker},
		Command:    &command,
		KillPolicy: policy(grace),
		Resources:  []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
}

// shell is a task that runs a line of shell.
func shell(t *testing.T, line string) mesos.TaskInfo {
	t.Helper()
	return dockerTask(t, environment.Busybox(t), mesos.CommandInfo{Value: &line})
}

// probe is a task that runs a command of the probe.
func probe(t *testing.T, args ...string) mesos.TaskInfo {
	t.Helper()
	return dockerTask(t, environment.Probe(t), mesos.CommandInfo{Shell: new(false), Arguments: args})
}

func policy(d time.Duration) *mesos.KillPolicy {
	return &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(d)}}
}

func scalar(name string, value float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
}

// bridge puts a task into the bridge network with port mappings, whose host ports it gets as resources.
func bridge(info *mesos.TaskInfo, mappings ...mesos.ContainerInfo_DockerInfo_PortMapping) {
	info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
	publish(info, mappings...)
}

func publish(info *mesos.TaskInfo, mappings ...mesos.ContainerInfo_DockerInfo_PortMapping) {
	info.Container.Docker.PortMappings = mappings
	var ranges []mesos.Value_Range
	for _, m := range mappings {
		ranges = append(ranges, mesos.Value_Range{Begin: uint64(m.HostPort), End: uint64(m.HostPort)})
	}
	info.Resources = append(info.Resources, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{Range: ranges}})
}

func mapping(host, inside uint32, protocol string) mesos.ContainerInfo_DockerInfo_PortMapping {
	m := mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: host, ContainerPort: inside}
	if protocol != "" {
		m.Protocol = &protocol
	}
	return m
}

// variables makes an Environment of NAME=value texts.
func variables(texts ...string) *mesos.Environment {
	var e mesos.Environment
	for _, text := range texts {
		name, value, _ := strings.Cut(text, "=")
		e.Variables = append(e.Variables, mesos.Environment_Variable{Name: name, Value: &value})
	}
	return &e
}

// freePort returns a port on which nothing listens, below those that the kernel hands out by itself.
func freePort(t *testing.T) uint32 {
	t.Helper()
	for range 100 {
		if port := 20000 + rand.Uint32N(10000); isFree(port) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func isFree(port uint32) bool {
	address := fmt.Sprintf(":%d", port)
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	return udp.Close() == nil
}

// custom turns a command task into one of a custom executor, as a framework sends it that names our executor: the command is
// in data, since Mesos allows a task only one of command and executor. The environment is the executor's own.
func custom(t *testing.T, h *host, own *mesos.Environment) func(*localagent.LaunchRequest) {
	return func(r *localagent.LaunchRequest) {
		t.Helper()
		data, err := json.Marshal(map[string]any{"command": r.Task.Command})
		if err != nil {
			t.Fatal(err)
		}
		r.Task.Data, r.Task.Command = data, nil
		r.Task.Executor = &mesos.ExecutorInfo{
			Type:       mesos.ExecutorInfo_CUSTOM,
			ExecutorID: mesos.ExecutorID{Value: "executor-of-" + r.Task.TaskID.Value},
			Command:    &mesos.CommandInfo{Shell: new(false), Value: &h.executor, Environment: own},
		}
		r.Args = []string{"--socket=" + h.socket}
	}
}
