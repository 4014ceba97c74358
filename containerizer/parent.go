package containerizer

import (
	"fmt"
	"path/filepath"
	"strings"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// findParent finds the control group that the container is to lie below, where the operator wants that of the executor. The agent has
// named it, as the sandbox, by its id of the executor's container.
func (s *session) findParent(info engine.Info) error {
	if !s.server.options.BelowExecutor || s.attach.Route != wire.RouteCustom {
		return nil
	}
	const flag = "cgroup_parent=executor"
	if info.CgroupDriver != "cgroupfs" {
		return fmt.Errorf("%s needs a Docker Engine with the cgroup driver cgroupfs: %s takes only a slice for the parent of a container, and the agent makes none. "+
			`Set "exec-opts": ["native.cgroupdriver=cgroupfs"] for the Engine, or do without %s`, flag, info.CgroupDriver, flag)
	}
	parent, err := cgroup.ParentOf(s.executor.PID, filepath.Base(s.attach.Sandbox))
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	s.parent = parent
	return nil
}

// placeBelow puts the container there. It is the operator's choice, and so not asked of the policy.
func (s *session) placeBelow(spec container.Spec) {
	if s.parent.Path == "" || spec.HostConfig.CgroupParent != "" {
		return
	}
	spec.HostConfig.CgroupParent = s.parent.Path
	spec.Config.Labels[engine.GroupsLabel] = strings.Join(s.parent.Made, string(filepath.ListSeparator))
}
