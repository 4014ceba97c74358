package containerizer

import (
	"fmt"
	"slices"
	"time"

	"github.com/docker/go-connections/nat"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/internal/lookup"
)

// TaskState is what a task is doing, in one word.
type TaskState string

// The states. A task can go back from StatePulling to StateWaiting and the like, but not behind StateRunning.
const (
	StateWaiting  TaskState = "waiting" // for the Engine, for other pulls or to try a pull again
	StatePulling  TaskState = "pulling"
	StateStarting TaskState = "starting" // all else up to the start of the container
	StateRunning  TaskState = "running"
	StateStopping TaskState = "stopping" // its end was asked for
	StateEnded    TaskState = "ended"    // the executor has not finished with it
)

// TaskReport is one task as an admin sees it. What comes from the task can hold any characters.
type TaskReport struct {
	Task        string         `json:"task"`
	App         string         `json:"app,omitempty"` // the id that Marathon knows it by
	Framework   string         `json:"framework"`
	Executor    string         `json:"executor"`
	PID         int            `json:"executor_pid"`
	Container   string         `json:"container"`              // its name
	ContainerID string         `json:"container_id,omitempty"` // empty while there is none
	Route       string         `json:"route"`
	State       TaskState      `json:"state"`
	Since       time.Time      `json:"since"`            // of State, as far as this daemon knows
	Doing       string         `json:"doing"`            // in words: "pulling app:7: …"
	Health      metrics.Health `json:"health,omitempty"` // what follows from it is the executor's to judge
	Image       string         `json:"image,omitempty"`
	Sandbox     string         `json:"sandbox"`

	// What the Engine says of the container, as far as it has one.
	Created time.Time `json:"created,omitzero"`
	Started time.Time `json:"started,omitzero"`
	Memory  int64     `json:"memory,omitempty"` // the limit in bytes, zero for none
	Ports   []string  `json:"ports,omitempty"`  // of the host: "31000->80/tcp", "31000" in the host's network

	Used cgroup.Memory `json:"memory_used,omitzero"` // as the kernel counts it now, while the container runs
}

// Names are those by which an admin can ask for the task.
func (r TaskReport) Names() lookup.Names {
	return lookup.Names{Task: r.Task, App: r.App, Container: r.Container, ContainerID: r.ContainerID}
}

// Tasks reports the tasks whose executors are attached, by task id.
func (s *Server) Tasks() []TaskReport {
	reports := []TaskReport{} // an empty list, not null
	for _, t := range s.used() {
		reports = append(reports, t.TaskReport)
	}
	return reports
}

// facts are what admins are told of a task beside its record. All but health are zero before the start of the container.
type facts struct {
	health           metrics.Health
	created, started time.Time
	memory           int64
	ports            []string
}

// report is the task at the moment. It is not ok before the launch. A change of state or health is published.
func (s *session) report() (r TaskReport, ok bool) {
	s.at.mu.Lock()
	defer s.at.mu.Unlock()
	of, f, told := &s.at.record, &s.at.facts, &s.at.told
	if of.Task == "" {
		return r, false
	}
	r = TaskReport{
		Task: of.Task, App: of.App, Framework: of.Framework, Executor: of.Executor, PID: s.executor.PID, Container: of.Container,
		ContainerID: of.ContainerID, Route: of.Route, State: shown[of.State()].admins, Since: told.Since, Doing: s.at.text,
		Health: f.health, Image: of.Asked.Image, Sandbox: of.Sandbox,
		Created: f.created, Started: f.started, Memory: f.memory, Ports: f.ports,
	}
	if s.container.StopOrdered() && r.State != StateEnded {
		r.State = StateStopping
	}
	if r.State != told.State {
		r.Since = time.Now()
	}
	if r.State != told.State || r.Health != told.Health {
		*told = r
		s.server.events.publish(r)
	}
	return r, true
}

// health is what the last probe has found; empty without a health check.
func (s *session) health() metrics.Health {
	s.at.mu.Lock()
	defer s.at.mu.Unlock()
	return s.at.facts.health
}

// learnTask notes what the task itself says. What an earlier daemon has recorded of it is more.
func (s *session) learnTask(info *mesos.TaskInfo) {
	s.at.note(func(r *record.Record) {
		if r.Asked.Image == "" {
			r.Asked = asked(info)
		}
		for _, v := range info.GetCommand().GetEnvironment().GetVariables() {
			if v.Name == "MARATHON_APP_ID" {
				r.App = v.GetValue()
			}
		}
	})
	if s.probes.health != nil {
		s.at.learn(func(f *facts) { f.health = metrics.HealthUnknown })
	}
}

// learnContainer notes what the Engine says of the container.
func (s *session) learnContainer(c *engine.Container) {
	s.at.note(func(r *record.Record) { r.Asked.Image = c.Config.Image })
	s.at.learn(func(f *facts) {
		f.created, f.started = container.CreatedAt(c), container.StartedAt(c)
		if c.HostConfig == nil {
			return
		}
		f.memory = c.HostConfig.Memory
		f.ports = mappedPorts(c)
		if c.HostConfig.NetworkMode.IsHost() {
			f.ports = hostPorts(&s.info.task)
		}
	})
}

// mappedPorts are the container's ports that the host has. An Engine that listens for IPv6 as well lists a port twice.
func mappedPorts(c *engine.Container) (ports []string) {
	if c.NetworkSettings == nil {
		return nil
	}
	for port, bindings := range c.NetworkSettings.Ports {
		for _, b := range bindings {
			ports = append(ports, mapping(port, b))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func mapping(port nat.Port, b nat.PortBinding) string {
	host := b.HostPort
	if b.HostIP != "" && b.HostIP != "0.0.0.0" && b.HostIP != "::" {
		host = b.HostIP + ":" + host
	}
	return host + "->" + string(port)
}

// hostPorts are the ports of the host that the task was given.
func hostPorts(info *mesos.TaskInfo) (ports []string) {
	for _, resource := range info.Resources {
		if resource.Name != "ports" {
			continue
		}
		for _, r := range resource.GetRanges().GetRange() {
			text := fmt.Sprint(r.Begin)
			if r.End != r.Begin {
				text += fmt.Sprintf("-%d", r.End)
			}
			ports = append(ports, text)
		}
	}
	return ports
}
