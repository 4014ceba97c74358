package compat

import (
	"encoding/json"
	"testing"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
)

// TestWhatIsSentMeansTheSameEverywhere holds a plain task's request against what the rows on restart policies, AutoRemove, limits of
// processes and logs say of it.
func TestWhatIsSentMeansTheSameEverywhere(t *testing.T) {
	var info mesos.TaskInfo
	const task = `{"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}, "command": {"value": "true"},
		"container": {"type": "DOCKER", "docker": {"image": "busybox"}}}`
	if err := json.Unmarshal([]byte(task), &info); err != nil {
		t.Fatal(err)
	}
	spec, err := runspec.Translate(t.Context(), runspec.Task{Info: info, Name: "t", SandboxDirectory: "/s", MappedDirectory: "/m"}, runspec.Options{LogDriver: "local"})
	if err != nil {
		t.Fatal(err)
	}
	host := spec.HostConfig
	if host.RestartPolicy.Name != container.RestartPolicyDisabled || host.RestartPolicy.MaximumRetryCount != 0 {
		t.Errorf("the restart policy is %+v; one without a name is refused from Engine 25 on where it has a count", host.RestartPolicy)
	}
	if host.AutoRemove {
		t.Error("the Engine would remove the container before its end is reported")
	}
	if host.PidsLimit == nil || *host.PidsLimit != 0 {
		t.Errorf("the limit of processes is %v", host.PidsLimit)
	}
	if host.LogConfig.Type != "local" {
		t.Errorf("the log driver is %q: the Engine's own default would count", host.LogConfig.Type)
	}
}
