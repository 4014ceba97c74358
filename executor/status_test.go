package executor

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
)

// Contract 3.3, row by row, and what we say beyond it.
func TestTerminal(t *testing.T) {
	none := mesos.TaskStatus_Reason(-1)
	for name, test := range map[string]struct {
		exit    wire.Exited
		cause   endCause
		state   mesos.TaskState
		reason  mesos.TaskStatus_Reason
		message string
	}{
		"finished": {wire.Exited{Outcome: wire.OutcomeExited}, endCause{},
			mesos.TASK_FINISHED, none, "Container exited with status 0"},
		"failed": {wire.Exited{Outcome: wire.OutcomeExited, Code: 3}, endCause{},
			mesos.TASK_FAILED, none, "Container exited with status 3"},
		"ended by another": {wire.Exited{Outcome: wire.OutcomeExited, Foreign: true, Message: "by another"}, endCause{},
			mesos.TASK_FAILED, none, "Container exited with status 0: by another"},
		"ended by another and killed": {wire.Exited{Outcome: wire.OutcomeExited, Foreign: true}, endCause{killed: true},
			mesos.TASK_KILLED, none, "Container exited with status 0"},
		"with the Engine's words": {wire.Exited{Outcome: wire.OutcomeExited, Code: 128, Message: "boom"}, endCause{},
			mesos.TASK_FAILED, none, "Container exited with status 128: boom"},
		"out of memory": {wire.Exited{Outcome: wire.OutcomeExited, Code: 137, OOM: true}, endCause{},
			mesos.TASK_FAILED, mesos.REASON_CONTAINER_LIMITATION_MEMORY, "Container exited with status 137: it ran out of memory"},
		"with figures": {wire.Exited{Outcome: wire.OutcomeExited, Code: 137, OOM: true, Message: "limit 32MiB, peak 32MiB, 1 process killed"}, endCause{},
			mesos.TASK_FAILED, mesos.REASON_CONTAINER_LIMITATION_MEMORY,
			"Container exited with status 137: it ran out of memory: limit 32MiB, peak 32MiB, 1 process killed"},
		"a child ran out of memory, failure": {wire.Exited{Outcome: wire.OutcomeExited, Code: 3, OOM: true}, endCause{},
			mesos.TASK_FAILED, none, "Container exited with status 3"},
		"a child ran out of memory, kill": {wire.Exited{Outcome: wire.OutcomeExited, Code: 137, OOM: true}, endCause{killed: true},
			mesos.TASK_KILLED, none, "Container exited with status 137"},
		"a child ran out of memory": {wire.Exited{Outcome: wire.OutcomeExited, OOM: true}, endCause{},
			mesos.TASK_FINISHED, none, "Container exited with status 0"},
		"killed, exit 0": {wire.Exited{Outcome: wire.OutcomeExited}, endCause{killed: true},
			mesos.TASK_KILLED, none, "Container exited with status 0"},
		"killed, exit 137": {wire.Exited{Outcome: wire.OutcomeExited, Code: 137}, endCause{killed: true},
			mesos.TASK_KILLED, none, "Container exited with status 137"},
		"killed before it ran": {wire.Exited{Outcome: wire.OutcomeFailed, Message: "killed"}, endCause{killed: true},
			mesos.TASK_KILLED, none, "killed"},
		"completion time": {wire.Exited{Outcome: wire.OutcomeExited, Code: 137}, endCause{completed: true},
			mesos.TASK_FAILED, mesos.REASON_MAX_COMPLETION_TIME_REACHED, "Container exited with status 137"},
		"completion time beats a kill": {wire.Exited{Outcome: wire.OutcomeExited}, endCause{completed: true, killed: true},
			mesos.TASK_FAILED, mesos.REASON_MAX_COMPLETION_TIME_REACHED, "Container exited with status 0"},
		"never ran": {wire.Exited{Outcome: wire.OutcomeFailed, Message: "image a not found"}, endCause{},
			mesos.TASK_FAILED, mesos.REASON_CONTAINER_LAUNCH_FAILED, "image a not found"},
		"unknown": {wire.Exited{Outcome: wire.OutcomeUnknown, Message: "gone"}, endCause{},
			mesos.TASK_FAILED, none, "Failed to get exit status of container: gone"},
		"unknown although killed": {wire.Exited{Outcome: wire.OutcomeUnknown, Message: "gone"}, endCause{killed: true},
			mesos.TASK_FAILED, none, "Failed to get exit status of container: gone"},
		"unknown, but killed and gone": {wire.Exited{Outcome: wire.OutcomeUnknown, Gone: true, Message: "gone"}, endCause{killed: true},
			mesos.TASK_KILLED, none, "Failed to get exit status of container: gone"},
		"gone by itself": {wire.Exited{Outcome: wire.OutcomeUnknown, Gone: true, Message: "gone"}, endCause{},
			mesos.TASK_FAILED, none, "Failed to get exit status of container: gone"},
		"completion time, and gone": {wire.Exited{Outcome: wire.OutcomeUnknown, Gone: true}, endCause{completed: true},
			mesos.TASK_FAILED, mesos.REASON_MAX_COMPLETION_TIME_REACHED, "Failed to get exit status of container"},
		"of a later version": {wire.Exited{Outcome: "new"}, endCause{},
			mesos.TASK_FAILED, none, "Failed to get exit status of container"},
	} {
		t.Run(name, func(t *testing.T) {
			state, reason, message := terminal(test.exit, test.cause)
			got := none
			if reason != nil {
				got = *reason
			}
			if state != test.state || got != test.reason || message != test.message {
				t.Errorf("%v %v %q, want %v %v %q", state, got, message, test.state, test.reason, test.message)
			}
		})
	}
}

func TestStatusIsWhatAnAgentAccepts(t *testing.T) {
	now := time.Unix(1700000000, 500_000_000)
	seen := map[string]bool{}
	for range 100 {
		s := newStatus(mesos.TaskID{Value: "t"}, mesos.ExecutorID{Value: "e"}, mesos.TASK_RUNNING, "", now)
		if len(s.UUID) != 16 || s.UUID[6]>>4 != 4 || s.UUID[8]>>6 != 2 || seen[string(s.UUID)] {
			t.Fatalf("uuid %x", s.UUID)
		}
		seen[string(s.UUID)] = true
		if s.GetTimestamp() != 1700000000.5 || s.Message != nil || s.GetSource() != mesos.SOURCE_EXECUTOR {
			t.Fatalf("status %+v", s)
		}
	}
}

func TestContainerStatus(t *testing.T) {
	task := &mesos.TaskInfo{}
	if s := containerStatus(task, &wire.Running{}); s != nil {
		t.Errorf("without an address: %+v", s)
	}
	label := mesos.Label{Key: "k"}
	old := []mesos.NetworkInfo_IPAddress{{IPAddress: new("1.1.1.1")}}
	task.Container = &mesos.ContainerInfo{NetworkInfos: []mesos.NetworkInfo{
		{Name: new("net"), Labels: &mesos.Labels{Labels: []mesos.Label{label}}, IPAddresses: old}, {Name: new("second")},
	}}
	infos := containerStatus(task, &wire.Running{IPv4: "10.0.0.1"}).NetworkInfos
	if len(infos) != 1 || infos[0].GetName() != "net" || infos[0].Labels == nil || len(infos[0].IPAddresses) != 1 ||
		infos[0].IPAddresses[0].GetIPAddress() != "10.0.0.1" || infos[0].IPAddresses[0].Protocol != nil {
		t.Errorf("network infos %+v", infos)
	}
	if task.Container.NetworkInfos[0].IPAddresses[0].GetIPAddress() != "1.1.1.1" {
		t.Error("the task itself was changed")
	}
}

// Each network that plugins have joined has its own NetworkInfo, with what the task says of it.
func TestContainerStatusOfNetworks(t *testing.T) {
	group := []string{"g"}
	task := &mesos.TaskInfo{Container: &mesos.ContainerInfo{NetworkInfos: []mesos.NetworkInfo{
		{Name: new("blue"), Groups: group}, {}, {Name: new("red")}, {Name: new("blue"), Groups: nil},
	}}}
	infos := containerStatus(task, &wire.Running{IPv4: "10.0.0.1", Networks: []wire.Network{
		{Name: "blue", Addresses: []string{"10.0.0.1", "fd00::1"}}, {Name: "red"}, {Name: "blue", Addresses: []string{"10.0.0.2"}}, {Name: "green"},
	}}).NetworkInfos
	var names, addresses []string
	for _, info := range infos {
		names = append(names, info.GetName())
		for _, a := range info.IPAddresses {
			addresses = append(addresses, info.GetName()+" "+a.GetIPAddress()+" "+a.GetProtocol().String())
		}
	}
	if diff := cmp.Diff([]string{"blue", "red", "blue", "green"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"blue 10.0.0.1 IPv4", "blue fd00::1 IPv6", "blue 10.0.0.2 IPv4"}, addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if len(infos[0].Groups) != 1 || len(infos[2].Groups) != 0 {
		t.Errorf("what the task says is lost: %+v", infos)
	}
}

// The agent fills in its own address where an update has no NetworkInfo. That is right where the container has no other.
func TestContainerStatusWithoutAnAddress(t *testing.T) {
	docker := func(network mesos.ContainerInfo_DockerInfo_Network, parameters ...mesos.Parameter) *mesos.ContainerInfo {
		return &mesos.ContainerInfo{Docker: &mesos.ContainerInfo_DockerInfo{Network: &network, Parameters: parameters}}
	}
	const host, bridge, none, user = mesos.ContainerInfo_DockerInfo_HOST, mesos.ContainerInfo_DockerInfo_BRIDGE, mesos.ContainerInfo_DockerInfo_NONE, mesos.ContainerInfo_DockerInfo_USER
	for name, test := range map[string]struct {
		container *mesos.ContainerInfo
		fills     bool // the agent does
	}{
		"no container":         {nil, true},
		"no network is named":  {&mesos.ContainerInfo{Docker: &mesos.ContainerInfo_DockerInfo{}}, true},
		"host":                 {docker(host), true},
		"none":                 {docker(none), true},
		"none, and a network":  {&mesos.ContainerInfo{Docker: docker(none).Docker, NetworkInfos: []mesos.NetworkInfo{{Name: new("blue")}}}, false},
		"bridge":               {docker(bridge), false},
		"user":                 {docker(user), false},
		"bridge made host":     {docker(bridge, mesos.Parameter{Key: "net", Value: "host"}), true},
		"bridge made none":     {docker(bridge, mesos.Parameter{Key: "network", Value: "none"}), true},
		"host made bridge":     {docker(host, mesos.Parameter{Key: "env", Value: "host"}, mesos.Parameter{Key: "network", Value: "bridge"}), false},
		"the first one counts": {docker(bridge, mesos.Parameter{Key: "net", Value: "x"}, mesos.Parameter{Key: "net", Value: "host"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			status := containerStatus(&mesos.TaskInfo{Container: test.container}, &wire.Running{})
			if (status == nil) != test.fills {
				t.Fatalf("status %+v; the agent fills in its address: want %t", status, test.fills)
			}
			if status != nil && (len(status.NetworkInfos) != 1 || len(status.NetworkInfos[0].IPAddresses) > 0) {
				t.Errorf("network infos %+v, want one without an address", status.NetworkInfos)
			}
		})
	}
}

// No update of a task with a network of its own lets the agent fill in its address, whatever the executor has heard of the container.
func TestNoUpdateGivesTheAgentsAddress(t *testing.T) {
	for name, running := range map[string]*wire.Running{
		"never inspected": nil, "inspected after its end": {Inspect: []byte(`{}`)}, "inspected": {IPv4: "172.17.0.2", Inspect: []byte(`{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				task := sleeper()
				task.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &mesos.ContainerInfo_DockerInfo{Image: "i", Network: mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()}}
				h.launch(task)
				updates := []mesos.TaskStatus{h.update(mesos.TASK_STARTING)}
				h.say(wire.Message{Created: &wire.Created{ContainerID: "c"}})
				want := ""
				if running != nil {
					h.say(wire.Message{Running: running})
					updates = append(updates, h.update(mesos.TASK_RUNNING))
					want = running.IPv4
				}
				h.say(exited(0))
				updates = append(updates, h.update(mesos.TASK_FINISHED))
				for i, u := range updates {
					infos := u.GetContainerStatus().GetNetworkInfos()
					if len(infos) != 1 {
						t.Errorf("%v has %d network infos, want 1", u.GetState(), len(infos))
						continue
					}
					got := ""
					for _, a := range infos[0].IPAddresses {
						got += a.GetIPAddress()
					}
					if i > 0 && got != want || i == 0 && got != "" {
						t.Errorf("%v has address %q, want %q", u.GetState(), got, want)
					}
				}
			})
		})
	}
}
