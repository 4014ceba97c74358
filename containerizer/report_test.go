package containerizer

import (
	"slices"
	"testing"

	docker "github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/engine"
)

func TestPortsOfReport(t *testing.T) {
	c := &engine.Container{}
	if got := mappedPorts(c); got != nil {
		t.Errorf("without networks: %q", got)
	}
	c.NetworkSettings = &docker.NetworkSettings{}
	c.NetworkSettings.Ports = nat.PortMap{
		"80/tcp": {{HostIP: "0.0.0.0", HostPort: "31001"}, {HostIP: "::", HostPort: "31001"}},
		"53/udp": {{HostIP: "127.0.0.1", HostPort: "31000"}},
		"22/tcp": nil,
	}
	if got, want := mappedPorts(c), []string{"127.0.0.1:31000->53/udp", "31001->80/tcp"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	info := &mesos.TaskInfo{Resources: []mesos.Resource{{Name: "cpus"}, {Name: "ports", Ranges: &mesos.Value_Ranges{
		Range: []mesos.Value_Range{{Begin: 31000, End: 31000}, {Begin: 31005, End: 31009}}}}}}
	if got, want := hostPorts(info), []string{"31000", "31005-31009"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEvents(t *testing.T) {
	var e events
	e.publish(TaskReport{})
	changes, stop := e.listen()
	e.publish(TaskReport{Task: "a"})
	if r := <-changes; r.Task != "a" {
		t.Errorf("%+v", r)
	}
	stop()
	stop()
	if _, open := <-changes; open {
		t.Error("told after the stop")
	}
	slow, stop := e.listen()
	defer stop()
	for range eventQueue + 1 {
		e.publish(TaskReport{})
	}
	told := 0
	for range slow {
		told++
	}
	if told != eventQueue || len(e.listeners) != 0 {
		t.Errorf("one who does not keep up was told %d, of %d listeners", told, len(e.listeners))
	}
}
