package runspec

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// describeLimits sets what stock ignores and we honour: resource limits of processes, capabilities and a terminal (contract
// 2.9). The other fields of LinuxInfo are about containers that share their parent's namespaces; like stock we leave
// them alone.
func (r *runOptions) describeLimits(info *mesos.ContainerInfo) error {
	if err := r.describeRlimits(info.RlimitInfo); err != nil {
		return err
	}
	if err := r.describeCapabilities(info.LinuxInfo); err != nil {
		return err
	}
	if info.TTYInfo != nil {
		r.tty = true
		if size := info.TTYInfo.WindowSize; size != nil {
			r.consoleSize = [2]uint{uint(size.Rows), uint(size.Columns)}
		}
	}
	return nil
}

// describeRlimits turns RLMT_NOFILE into nofile and so on. A limit without values is unlimited, as for Mesos.
func (r *runOptions) describeRlimits(info *mesos.RLimitInfo) error {
	if info == nil {
		return nil
	}
	limits := make(map[string]container.Ulimit, len(info.Rlimits))
	for i, limit := range info.Rlimits {
		field := fmt.Sprintf("container.rlimit_info.rlimits[%d]", i)
		name, known := strings.CutPrefix(limit.Type.String(), "RLMT_")
		switch {
		case !known:
			return fault(field+".type", "resource limit type %s is unknown", limit.Type)
		case limit.Type == mesos.RLimitInfo_RLimit_RLMT_AS:
			return fault(field+".type", "RLMT_AS cannot be set for a Docker container; limit mem instead")
		case (limit.Soft == nil) != (limit.Hard == nil):
			return fault(field, "soft and hard limit must both be given, or neither for no limit")
		}
		ulimit := container.Ulimit{Name: strings.ToLower(name), Soft: -1, Hard: -1}
		if limit.Hard != nil {
			if *limit.Soft > *limit.Hard || *limit.Hard > math.MaxInt64 {
				return fault(field, "soft limit %d and hard limit %d of %s do not fit", *limit.Soft, *limit.Hard, limit.Type)
			}
			ulimit.Soft, ulimit.Hard = int64(*limit.Soft), int64(*limit.Hard)
		}
		if _, twice := limits[ulimit.Name]; twice {
			return fault(field+".type", "%s is limited twice", limit.Type)
		}
		limits[ulimit.Name] = ulimit
		r.ulimits = append(r.ulimits, ulimit)
	}
	slices.SortFunc(r.ulimits, func(a, b container.Ulimit) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// describeCapabilities gives the task exactly the capabilities it asks for. Docker knows one set, so the effective one counts;
// the bounding set only has to contain it, and stands for it when it is alone.
func (r *runOptions) describeCapabilities(info *mesos.LinuxInfo) error {
	if info == nil {
		return nil
	}
	effective, field := info.EffectiveCapabilities, "container.linux_info.effective_capabilities"
	if effective == nil {
		effective, field = info.CapabilityInfo, "container.linux_info.capability_info"
	}
	if effective == nil {
		effective, field = info.BoundingCapabilities, "container.linux_info.bounding_capabilities"
	}
	if effective == nil {
		return nil
	}
	r.capDrop = []string{"ALL"}
	for _, capability := range effective.Capabilities {
		name, known := mesos.CapabilityInfo_Capability_name[int32(capability)]
		if !known || capability == mesos.CapabilityInfo_UNKNOWN {
			return fault(field, "capability %s is unknown", capability)
		}
		if bounding := info.BoundingCapabilities; bounding != nil && !slices.Contains(bounding.Capabilities, capability) {
			return fault(field, "capability %s is not among the bounding capabilities", name)
		}
		if !slices.Contains(r.capAdd, name) {
			r.capAdd = append(r.capAdd, name)
		}
	}
	return nil
}
