package agents

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

var lastTask atomic.Int64

// task is one shell line in an image, on the host's network, in the form that the route needs once framed.
func (c *cluster) task(image, line string, change ...func(*mesos.TaskInfo)) mesos.TaskInfo {
	id := fmt.Sprintf("%s-%d", c.route, lastTask.Add(1))
	task := mesos.TaskInfo{
		Name: id, TaskID: mesos.TaskID{Value: id},
		Container: &mesos.ContainerInfo{
			Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &mesos.ContainerInfo_DockerInfo{Image: image, Network: mesos.ContainerInfo_DockerInfo_HOST.Enum()},
		},
		Command:   &mesos.CommandInfo{Value: &line},
		Resources: []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
	for _, f := range change {
		f(&task)
	}
	if c.route != custom {
		return task
	}
	data, err := json.Marshal(map[string]any{"command": map[string]any{"value": line}})
	if err != nil {
		c.t.Fatal(err)
	}
	program := filepath.Join(c.programs, "mesos-docker-executor")
	task.Command, task.Data = nil, data
	task.Executor = &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_CUSTOM, ExecutorID: mesos.ExecutorID{Value: id},
		Command:   &mesos.CommandInfo{Shell: new(false), Value: &program, Arguments: []string{"mesos-docker-executor"}, User: new("root")},
		Resources: []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
	}
	return task
}

func scalar(name string, value float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
}

// bridged maps a port of the host to one of the container.
func bridged(host, container uint32) func(*mesos.TaskInfo) {
	return func(t *mesos.TaskInfo) {
		t.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
		t.Container.Docker.PortMappings = []mesos.ContainerInfo_DockerInfo_PortMapping{{HostPort: host, ContainerPort: container}}
		t.Resources = append(t.Resources, mesos.Resource{
			Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: uint64(host), End: uint64(host)}}},
		})
	}
}

// checked adds a health check by a command, each 200 ms, that may fail twice.
func checked(line string) func(*mesos.TaskInfo) {
	return func(t *mesos.TaskInfo) {
		t.HealthCheck = &mesos.HealthCheck{
			Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{Value: &line},
			DelaySeconds: new(0.0), IntervalSeconds: new(0.2), TimeoutSeconds: new(20.0), GracePeriodSeconds: new(0.0), ConsecutiveFailures: new(uint32(2)),
		}
	}
}
