package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

func TestPortsOf(t *testing.T) {
	task := &mesos.TaskInfo{
		Resources: []mesos.Resource{{Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{
			Range: []mesos.Value_Range{{Begin: 31000, End: 31001}}}}},
		Discovery: &mesos.DiscoveryInfo{Ports: &mesos.Ports{Ports: []mesos.Port{{Number: 31001, Protocol: new("udp,tcp")}}}},
	}
	addresses := &mesos.ContainerStatus{NetworkInfos: []mesos.NetworkInfo{{
		IPAddresses: []mesos.NetworkInfo_IPAddress{{IPAddress: new("172.17.0.2")}, {IPAddress: new("fd00::2")}}}}}
	for _, test := range []struct {
		name string
		data string
		want Ports
	}{
		{"bridge", `[{"Id":"c","HostConfig":{"NetworkMode":"bridge"},"NetworkSettings":{"Ports":{
			"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"31001"},{"HostIp":"::","HostPort":"31001"}],
			"53/udp":[{"HostIp":"127.0.0.1","HostPort":"31000"}],
			"99/tcp":null}}}]`,
			Ports{"c", []string{"172.17.0.2", "fd00::2"}, []Port{{"127.0.0.1", 31000, 53, "udp"}, {"", 31001, 80, "tcp"}}}},
		{"host", `[{"Id":"c","HostConfig":{"NetworkMode":"host"},"NetworkSettings":{"Ports":{}}}]`,
			Ports{"c", []string{"172.17.0.2", "fd00::2"}, []Port{{"", 31000, 31000, "tcp"}, {"", 31001, 31001, "udp"}, {"", 31001, 31001, "tcp"}}}},
		{"none", `[{"Id":"c","HostConfig":{"NetworkMode":"none"}}]`, Ports{"c", nil, nil}},
		{"not what it should be", `nonsense`, Ports{"", []string{"172.17.0.2", "fd00::2"}, nil}},
		{"ports that are none", `[{"Id":"c","NetworkSettings":{"Ports":{"x/tcp":[{"HostPort":"1"}],"1/tcp":[{"HostPort":""}]}}}]`,
			Ports{"c", []string{"172.17.0.2", "fd00::2"}, nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := portsOf(task, &mesos.TaskStatus{Data: []byte(test.data), ContainerStatus: addresses})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestResultGood(t *testing.T) {
	ends := func(asked bool, lost int, states ...mesos.TaskState) Result {
		r := Result{Asked: asked, Lost: lost, Finished: map[mesos.TaskState]int{}}
		for _, s := range states {
			r.Finished[s]++
		}
		return r
	}
	for _, test := range []struct {
		result Result
		want   bool
	}{
		{ends(false, 0, mesos.TASK_FINISHED, mesos.TASK_FINISHED), true},
		{ends(true, 0, mesos.TASK_FINISHED, mesos.TASK_KILLED), true},
		{ends(false, 0, mesos.TASK_KILLED), false},
		{ends(true, 0, mesos.TASK_KILLED, mesos.TASK_FAILED), false},
		{ends(true, 1, mesos.TASK_KILLED), false},
	} {
		if got := test.result.Good(); got != test.want {
			t.Errorf("%+v is good: %v", test.result, got)
		}
	}
}
