package runspec

import (
	"math"
	"slices"

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

// cpuQuota is the CFS quota in microseconds, cut off where Mesos cuts it off: at whole nanoseconds first.
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

// scalar sums a resource over its roles. Mesos counts in thousandths, so what rounds to nothing is not there.
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
