package runspec

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Floors and units of the agent's cgroups isolator, which stock applies to docker tasks too (contract 2.2).
const (
	cpuSharesPerCPU = 1024
	minCPUShares    = 2
	cpuPeriod       = 100_000_000 // nanoseconds, the kernel's CFS period
	minCPUQuota     = 1000        // microseconds
	mebibyte        = 1 << 20
	minMemory       = 32 * mebibyte

	// maxAmount keeps every product below what an int64 holds; no host has so many cpus or mebibytes.
	maxAmount = 1 << 40
)

// resourcesOf is what the task may use: its own resources and those of its executor, if it names one.
func resourcesOf(info mesos.TaskInfo) []mesos.Resource {
	if info.Executor == nil {
		return info.Resources
	}
	return slices.Concat(info.Resources, info.Executor.Resources)
}

// describeResources sets cpu and memory limits (contract 2.2).
func (r *runOptions) describeResources(info mesos.TaskInfo, o Options) error {
	resources := resourcesOf(info)
	if err := r.describeCPU(resources, info.Limits, o); err != nil {
		return err
	}
	return r.describeMemory(resources, info.Limits, o)
}

// describeCPU turns the request into shares and the limit, or with cgroups_enable_cfs the request, into a quota.
func (r *runOptions) describeCPU(resources []mesos.Resource, limits map[string]mesos.Value_Scalar, o Options) error {
	request, requested, err := scalar(resources, "cpus")
	if err != nil {
		return err
	}
	limit, limited, err := limitOf(limits, "cpus")
	if err != nil {
		return err
	}
	if requested {
		r.cpuShares = max(int64(cpuSharesPerCPU*request), minCPUShares)
	}
	switch {
	case limited && !math.IsInf(limit, 1):
		r.cpuQuota = cpuQuota(limit)
	case !limited && requested && o.CgroupsEnableCFS:
		r.cpuQuota = cpuQuota(request)
	}
	return nil
}

// cpuQuota is the CFS quota in microseconds. As in Mesos, whole nanoseconds are cut off first.
func cpuQuota(cpus float64) int64 {
	return max(int64(cpuPeriod*cpus)/1000, minCPUQuota)
}

// describeMemory turns the limit, or without one the request, into the hard limit. A task whose limit exceeds its request is
// the likelier to be killed when memory runs out, the less of the host's memory it asked for.
func (r *runOptions) describeMemory(resources []mesos.Resource, limits map[string]mesos.Value_Scalar, o Options) error {
	request, requested, err := scalar(resources, "mem")
	if err != nil {
		return err
	}
	limit, limited, err := limitOf(limits, "mem")
	if err != nil {
		return err
	}
	requestBytes := int64(request) * mebibyte
	if !limited {
		if requested {
			r.memory = max(requestBytes, minMemory)
		}
		return nil
	}
	infinite := math.IsInf(limit, 1)
	limitBytes := int64(0)
	if !infinite {
		limitBytes = int64(limit) * mebibyte
		r.memory = max(limitBytes, minMemory)
	}
	if requested {
		r.memoryReservation = max(requestBytes, minMemory)
		if !infinite && r.memoryReservation > r.memory {
			return fault("limits.mem", "the limit of %v MB is less than the request of %v MB", limit, request)
		}
		if (infinite || requestBytes < limitBytes) && o.HostMemory > 0 {
			r.oomScoreAdj = oomScoreAdj(requestBytes, o.HostMemory)
		}
	}
	return nil
}

// oomScoreAdj is 1000 for a task that asked for nothing and falls to 0 for one that asked for the whole host.
func oomScoreAdj(request int64, host uint64) int {
	return int(max(1000-1000*request/int64(min(host, math.MaxInt64)), 0))
}

// scalar sums a resource over its roles. Mesos counts in thousandths; a sum that rounds to 0 counts as absent.
func scalar(resources []mesos.Resource, name string) (amount float64, found bool, err error) {
	var thousandths int64
	for _, resource := range resources {
		if resource.Name != name || resource.Scalar == nil {
			continue
		}
		value := resource.Scalar.Value
		if math.IsNaN(value) || value < 0 || value > maxAmount {
			return 0, false, fault("resources."+name, "%v is not an amount of %s", value, name)
		}
		thousandths += int64(math.Round(value * 1000))
		if thousandths > maxAmount*1000 {
			return 0, false, fault("resources."+name, "the sum is not an amount of %s", name)
		}
	}
	return float64(thousandths) / 1000, thousandths > 0, nil
}

// limitOf returns a limit, which may be positive infinity.
func limitOf(limits map[string]mesos.Value_Scalar, name string) (limit float64, found bool, err error) {
	scalar, found := limits[name]
	if !found {
		return 0, false, nil
	}
	limit = scalar.Value
	if math.IsNaN(limit) || limit < 0 || (limit > maxAmount && !math.IsInf(limit, 1)) {
		return 0, false, fault("limits."+name, "%v is not an amount of %s", limit, name)
	}
	return limit, true, nil
}

// maxGPUs is far more than any host has.
const maxGPUs = 1024

// describeGPUs asks for as many GPUs as the task has of the gpus resource. Stock accounts for them and hands out none (contract 1.2,
// step 7); here the task gets them or is refused: containerizer/gpu decides which.
func (r *runOptions) describeGPUs(info mesos.TaskInfo) error {
	const field = "resources.gpus"
	amount, found, err := scalar(resourcesOf(info), "gpus")
	if err != nil {
		return err
	}
	if !found {
		return nil
	}
	if amount != math.Trunc(amount) || amount > maxGPUs {
		return fault(field, "The 'gpus' resource must be an unsigned integer")
	}
	r.gpus = int(amount)
	return nil
}

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

// describeCapabilities gives the task exactly the capabilities it asks for. Docker has one set, so the effective set is used; the
// bounding set must contain it, and replaces it if there is no effective set.
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
