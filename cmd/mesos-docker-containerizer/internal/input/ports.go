package input

import (
	"fmt"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/config/marathon"
)

// NamedPort is a host port that apps or tasks ask for by its number.
type NamedPort struct {
	Port uint32
	By   []string // who asks, such as "app /web", each once
}

// NamedPorts lists the host ports that the documents name, in ascending order.
func NamedPorts(documents []Document) []NamedPort {
	by := map[uint32][]string{}
	add := func(who string, ports []uint32) {
		for _, port := range ports {
			if !slices.Contains(by[port], who) {
				by[port] = append(by[port], who)
			}
		}
	}
	for _, d := range documents {
		for _, app := range d.Apps {
			if app.Instances > 0 {
				add("app "+app.ID, app.NamedPorts())
			}
		}
		if d.Task != nil {
			add("task "+d.Task.TaskID.Value, taskPorts(d.Task))
		}
	}
	var named []NamedPort
	for port, who := range by {
		named = append(named, NamedPort{port, who})
	}
	slices.SortFunc(named, func(a, b NamedPort) int { return int(a.Port) - int(b.Port) })
	return named
}

// String is for people.
func (p NamedPort) String() string { return fmt.Sprintf("%d (%s)", p.Port, strings.Join(p.By, ", ")) }

// taskPorts are the host ports of a TaskInfo, each once: those of its resources and of its mappings.
func taskPorts(task *mesos.TaskInfo) []uint32 {
	ports := marathon.HostPorts(*task)
	for _, mapping := range task.GetContainer().GetDocker().GetPortMappings() {
		if mapping.HostPort != 0 {
			ports = append(ports, mapping.HostPort)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// drawNamed draws the ports that a TaskInfo names, so that no other task gets them.
func drawNamed(task *mesos.TaskInfo, source marathon.PortSource) error {
	ports := taskPorts(task)
	if len(ports) == 0 {
		return nil
	}
	if source == nil {
		return fmt.Errorf("%w: %d wanted and the offer has none", marathon.ErrPortsExhausted, len(ports))
	}
	_, err := source.Draw(ports)
	return err
}
